const NEWLINE = 10

/** The last lines of a text; what stands after the last newline is a line, too. */
export function tailOf(text: Uint8Array, lines: number): Uint8Array {
  if (lines <= 0) return text.subarray(text.length)
  let left = lines
  // The newline at the very end begins no further line.
  for (let index = text.length - 2; index >= 0; index -= 1) {
    if (text[index] !== NEWLINE) continue
    left -= 1
    if (left === 0) return text.subarray(index + 1)
  }
  return text
}
