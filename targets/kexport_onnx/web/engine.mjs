// ONNX Runtime Web in a page, on WebAssembly.

export async function start(packages, {threads}) {
  const dist = `${packages}/node_modules/onnxruntime-web/dist/`;
  const ort = await import(`${dist}ort.wasm.min.mjs`);
  ort.env.wasm.wasmPaths = dist;
  ort.env.wasm.numThreads = threads;
  return new Engine(ort);
}

class Engine {
  constructor(ort) {
    this.ort = ort;
    this.session = null;
  }

  async load(path) {
    await this.session?.release();
    this.session = await this.ort.InferenceSession.create(path, {executionProviders: ['wasm']});
  }

  async run(tensors, outputs) {
    const {Tensor} = this.ort;
    const feeds = {};
    for (const {name, dtype, shape, data} of tensors) {
      feeds[name] = new Tensor(dtype, data, shape);
    }
    const found = await this.session.run(feeds, outputs);
    return outputs.map((name) => {
      const {type, dims, data} = found[name];
      return {name, dtype: type, shape: dims, data};
    });
  }
}
