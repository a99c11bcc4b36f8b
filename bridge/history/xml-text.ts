// Everything XML 1.0 §2.2 has no place for, half a surrogate pair too.
const NO_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** Text as XML may have it, between tags and in attributes. */
export function xmlText(text: string): string {
  return text.replace(NO_XML, '\ufffd').replace(/[&<>"']/g, character => ENTITIES[character]!)
}

/** A number as xsd:decimal, which has no exponent. */
export function xmlDecimal(value: number): string {
  const [, sign, whole, fraction = '', exponent] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value))!
  if (exponent === undefined) return String(value)
  return Number(exponent) > 0
    ? BigInt(value).toString()
    : `${sign}0.${'0'.repeat(-Number(exponent) - 1)}${whole}${fraction}`
}
