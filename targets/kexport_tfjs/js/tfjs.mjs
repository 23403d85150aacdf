// Graph models in TensorFlow.js, for a session in Node or in a page.

export class Engine {
  // `open` turns the path in a request into what tf.loadGraphModel takes.
  constructor(tf, open) {
    this.tf = tf;
    this.open = open;
    this.model = null;
    this.dynamic = false;
  }

  async load(path) {
    this.model?.dispose();
    this.dynamic = false;
    this.model = await this.tf.loadGraphModel(await this.open(path));
  }

  async run(tensors, outputs) {
    const {tf} = this;
    const inputs = {};
    for (const {name, dtype, shape, data} of tensors) {
      inputs[name] = tf.tensor(data, shape, dtype);
    }
    try {
      const made = await this.execute(inputs, outputs);
      const results = [];
      for (const [i, tensor] of [made].flat().entries()) {
        results.push({name: outputs[i], dtype: tensor.dtype, shape: tensor.shape, data: await tensor.data()});
      }
      tf.dispose(made);
      return results;
    } finally {
      tf.dispose(inputs);
    }
  }

  // Synchronously, unless the model has ops whose results have sizes that only they know.
  async execute(inputs, outputs) {
    if (!this.dynamic) {
      try {
        return this.model.execute(inputs, outputs);
      } catch (error) {
        if (!error.message.includes('executeAsync')) throw error;
        this.dynamic = true;
      }
    }
    return this.model.executeAsync(inputs, outputs);
  }
}
