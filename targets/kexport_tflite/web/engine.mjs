// LiteRT.js in a page, on WebAssembly.

export async function start(packages) {
  const root = `${packages}/node_modules/@litertjs`;
  const map = document.createElement('script');
  map.type = 'importmap';
  map.nonce = document.scripts[0].nonce;
  map.textContent = JSON.stringify({imports: {'@litertjs/wasm-utils': `${root}/wasm-utils/dist/index.js`}});
  document.head.append(map);
  const litert = await import(`${root}/core/dist/index.js`);
  await litert.loadLiteRt(`${root}/core/wasm/`);
  return new Engine(litert);
}

class Engine {
  constructor(litert) {
    this.litert = litert;
    this.model = null;
  }

  async load(path) {
    this.model?.delete();
    this.model = await this.litert.loadAndCompile(path, {accelerator: 'wasm'});
  }

  async run(tensors, outputs) {
    const inputs = {};
    for (const {name, shape, data} of tensors) {
      inputs[name] = new this.litert.Tensor(data, shape);
    }
    const found = await this.model.run(inputs);
    const results = [];
    for (const name of outputs) {
      const tensor = found[name];
      const data = await tensor.data();
      results.push({name, dtype: tensor.type.dtype, shape: Array.from(tensor.type.layout.dimensions), data});
    }
    [...Object.values(inputs), ...Object.values(found)].forEach((tensor) => tensor.delete());
    return results;
  }
}
