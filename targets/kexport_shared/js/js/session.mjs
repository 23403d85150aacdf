// Answers requests to load a model and to run it, in Node and in a page alike. A message is a JSON header and the bytes of tensors:
// four bytes with the length of the header, the header, then the tensors one after the other as it lists them.

const ARRAYS = {
  float16: globalThis.Float16Array ?? Uint16Array, float32: Float32Array, float64: Float64Array, bool: Uint8Array,
  int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
};

export function pack(header, tensors) {
  const listed = tensors.map(({name, dtype, shape}) => ({name, dtype, shape}));
  const head = new TextEncoder().encode(JSON.stringify({...header, tensors: listed}));
  const parts = tensors.map(({dtype, data}) => bytesOf(data instanceof ARRAYS[dtype] ? data : new ARRAYS[dtype](data)));
  const size = parts.reduce((sum, part) => sum + part.length, 4 + head.length);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 4);
  let at = 4 + head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function bytesOf({buffer, byteOffset, byteLength}) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

export function unpack(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  const tensors = header.tensors.map(({name, dtype, shape}) => {
    const Type = ARRAYS[dtype];
    const size = shape.reduce((product, d) => product * d, 1) * Type.BYTES_PER_ELEMENT;
    const data = new Type(bytes.slice(at, at + size).buffer);
    at += size;
    return {name, dtype, shape, data};
  });
  return {header, tensors};
}

export class Session {
  // `engine.load(path)` prepares a model; `engine.run(tensors, outputs)` gives the named outputs.
  constructor(engine) {
    this.engine = engine;
  }

  // Answers one request; what goes wrong becomes the answer.
  async answer(message) {
    try {
      const {header, tensors} = unpack(message);
      if (header.do === 'load') {
        await this.engine.load(header.path);
        return pack({}, []);
      }
      return pack({}, await this.engine.run(tensors, header.outputs));
    } catch (error) {
      return pack({error: String(error?.stack ?? error)}, []);
    }
  }
}
