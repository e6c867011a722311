// The clock strip in a decoded picture: 24 columns × 4 rows of square cells, a fortieth of the width each; white is 1, most significant bit first.

const COLUMNS = 24;
const ROWS = 4;
/** Cells along the picture's width. */
const CELLS = 40;
/** Times before 2017 and after 2049 are noise that happened to have the right parity, as a white screen has. */
const CAPTURED_MIN_MS = 1.5e12;
const CAPTURED_MAX_MS = 2.5e12;

/** Pixel rows that hold the strip of a picture. */
export function stripHeight(width) {
  return Math.ceil((ROWS * width) / CELLS);
}

/** Reads `{ capturedMs, number }` from a picture of this width, or null. `lumaAt(x, y)` gives 0 to 255. */
export function readStrip(width, lumaAt) {
  const side = width / CELLS;
  const words = Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: COLUMNS }, (_, column) =>
      lumaAt(Math.floor((column + 0.5) * side), Math.floor((row + 0.5) * side)) > 127 ? 1 : 0,
    ).reduce((word, bit) => word * 2 + bit, 0));
  const capturedMs = words[0] * 2 ** 24 + words[1];
  const valid = (words[0] ^ words[1] ^ words[2]) === words[3] && capturedMs > CAPTURED_MIN_MS && capturedMs < CAPTURED_MAX_MS;
  return valid ? { capturedMs, number: words[2] } : null;
}
