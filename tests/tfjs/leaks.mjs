// How many tensors there are before and after runs of models: `node leaks.mjs ENGINE PACKAGES BACKEND < requests`.
// A request is a line of JSON: path, inputs (name, dtype, shape, data), outputs. An answer is [before, after].

import readline from 'node:readline';
import {pathToFileURL} from 'node:url';

const [module, packages, backend] = process.argv.slice(2);
const print = console.log;
console.log = console.info = console.warn = console.error;
const {start} = await import(pathToFileURL(module));
const engine = await start(packages, {backend});
for await (const line of readline.createInterface({input: process.stdin})) {
  const {path, inputs, outputs} = JSON.parse(line);
  await engine.load(path);
  const before = engine.tf.memory().numTensors;
  for (let i = 0; i < 3; i++) {
    await engine.run(inputs, outputs);
  }
  print(JSON.stringify([before, engine.tf.memory().numTensors]));
}
