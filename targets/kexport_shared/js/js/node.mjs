// An engine in Node: `node node.mjs ENGINE_MODULE PACKAGES SETTINGS`. Reads requests from stdin and writes answers to
// stdout, each after four bytes with its length.

import fs from 'node:fs';
import {pathToFileURL} from 'node:url';
import {Session} from './session.mjs';

const [module, packages, settings] = process.argv.slice(2);
console.log = console.info = console.warn = console.error;  // stdout is for answers
const {start} = await import(pathToFileURL(module));
const session = new Session(await start(packages, JSON.parse(settings)));

function write(bytes) {
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(1, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

let pending = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32LE(0)) {
    const size = pending.readUInt32LE(0);
    const answer = await session.answer(new Uint8Array(pending.subarray(4, 4 + size)));
    pending = pending.subarray(4 + size);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(answer.length);
    write(head);
    write(answer);
  }
}
