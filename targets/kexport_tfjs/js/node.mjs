// TensorFlow.js in Node, on its pure JavaScript or its WebAssembly backend.

import fs from 'node:fs';
import path from 'node:path';
import {createRequire} from 'node:module';
import {Engine} from './tfjs.mjs';

export async function start(packages, {backend}) {
  const require = createRequire(path.join(packages, 'package.json'));
  const tf = require('@tensorflow/tfjs');
  if (backend === 'wasm') {
    const wasm = require('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(path.join(packages, 'node_modules/@tensorflow/tfjs-backend-wasm/dist') + path.sep);
  }
  if (!await tf.setBackend(backend)) {
    throw new Error(`TensorFlow.js cannot start ${backend}`);
  }
  return new Engine(tf, open);
}

function open(folder) {
  return {load: async () => {
    const {weightsManifest, ...rest} = JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8'));
    const names = weightsManifest.flatMap((group) => group.paths);
    const bytes = Buffer.concat(names.map((name) => fs.readFileSync(path.join(folder, name))));
    return {
      ...rest,
      weightSpecs: weightsManifest.flatMap((group) => group.weights),
      weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    };
  }};
}
