// node run.mjs FILE.wasm PHOTO NATIVE.txt X0 Y0 X1 Y1: the landmarks in a box, and of the face that the detector finds, against those of the
// native program in the file, the box's first. Ends with 1 where a point is 1e-3 pixels or more away.
import { readFileSync } from "node:fs";

const [wasm, photo, native, ...box] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(wasm), {});
const { memory, input, align, output } = instance.exports;

const file = readFileSync(photo);
// Calls may grow the memory, which moves its buffer: it is looked at anew each time.
const start = input(file.length);
new Uint8Array(memory.buffer, start, file.length).set(file);

function landmarks(...corners) {
  const began = performance.now();
  const count = align(...corners);
  if (count < 1) throw new Error(`no face (${count})`);
  const ms = (performance.now() - began).toFixed(0);
  console.log(`${count} landmarks in ${ms} ms`);
  return new Float64Array(memory.buffer.slice(output(), output() + 16 * count));
}

const found = [...landmarks(...box.map(Number)), ...landmarks(0, 0, 0, 0)];
const expected = readFileSync(native, "utf8").trim().split(/\s+/).map(Number);
if (found.length !== expected.length) throw new Error(`${found.length} numbers, ${expected.length} native ones`);
let most = 0;
for (let i = 0; i < found.length; i += 2) {
  most = Math.max(most, Math.hypot(found[i] - expected[i], found[i + 1] - expected[i + 1]));
}
console.log(`largest distance from the native answer: ${most.toExponential(2)} px`);
process.exit(most < 1e-3 ? 0 : 1);
