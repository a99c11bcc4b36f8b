/**
 * The terminal's number: BCD digits without leading zeros. Where it is not BCD, the 6 bytes are the first 14 digits of an IMEI,
 * whose last one follows from them (Luhn).
 */
export function identityOf(phone: Buffer): string {
  const digits = phone.toString('hex')
  if (/^\d+$/.test(digits)) return digits.replace(/^0+(?=\d)/, '')
  const head = BigInt(`0x${digits}`).toString()
  return head.length === 14 ? `${head}${luhnDigit(head)}` : head
}

/** ISO/IEC 7812-1, annex B. */
function luhnDigit(head: string): number {
  let sum = 0
  for (const [i, digit] of [...head].reverse().entries()) {
    const value = i % 2 === 0 ? Number(digit) * 2 : Number(digit)
    sum += value > 9 ? value - 9 : value
  }
  return (10 - (sum % 10)) % 10
}
