// TensorFlow.js in a page, on its WebAssembly, WebGL or WebGPU backend.

import {Engine} from './tfjs.mjs';

const DIST = {wasm: 'tfjs-backend-wasm/dist/tf-backend-wasm.min.js', webgpu: 'tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js'};

export async function start(packages, {backend, threads, flags}) {
  if (backend === 'webgpu' && !navigator.gpu) {
    throw new Error('this browser has no WebGPU, or keeps it for pages of https and of its own machine');
  }
  const root = `${packages}/node_modules/@tensorflow`;
  globalThis.regeneratorRuntime = undefined; // or tf.min.js defines it by Function(), which no good policy allows
  await script(`${root}/tfjs/dist/tf.min.js`);
  if (DIST[backend]) {
    await script(`${root}/${DIST[backend]}`);
  }
  const {tf} = globalThis;
  for (const [name, value] of Object.entries(flags)) {
    tf.env().set(name, value);
  }
  if (backend === 'wasm') {
    tf.wasm.setWasmPaths(`${root}/tfjs-backend-wasm/dist/`);
    tf.wasm.setThreadsCount(threads);
  }
  if (!await tf.setBackend(backend)) {
    throw new Error(`TensorFlow.js cannot start ${backend} in this browser`);
  }
  await tf.ready();
  const engine = new Engine(tf, (path) => `${path}model.json`);
  const half = backend === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_CAPABLE');
  engine.about = {software: await software(backend), half};
  return engine;
}

function script(url) {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = url;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`cannot load ${url}`));
    document.head.append(element);
  });
}

// Whether the backend would run on a GPU, but there is none.
async function software(backend) {
  if (backend !== 'webgpu') return false;
  const adapter = await navigator.gpu.requestAdapter();
  return /swiftshader|llvmpipe/i.test(Object.values({...adapter.info, d: adapter.info.description,
    a: adapter.info.architecture, v: adapter.info.device}).join(' '));
}
