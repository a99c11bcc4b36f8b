/** Whether these bytes stand there. From the end: topics of one tree, and what stands between numbers, begin alike. */
export function isAt(known: Uint8Array, bytes: Uint8Array, at: number): boolean {
  const { length } = known
  if (at + length > bytes.length) return false
  for (let i = length - 1; i >= 0; i -= 1) if (known[i] !== bytes[at + i]) return false
  return true
}
