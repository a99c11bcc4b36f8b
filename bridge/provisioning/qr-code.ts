import qrcode from 'qrcode-generator'

/** Modules of white around the code. ISO/IEC 18004 */
const QUIET_ZONE = 4

/** The largest code of level M holds 2,331 bytes; phones read one of this length from a screen. */
export const MAX_QR_CHARACTERS = 2_000

/** A QR code as an SVG document: black on white whatever the colours around it, level M. */
export function qrSvg(text: string): string {
  const code = codeOf(text)
  const count = code.getModuleCount()
  const size = count + 2 * QUIET_ZONE
  let path = ''
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) path += `M${column + QUIET_ZONE} ${row + QUIET_ZONE}h1v1h-1z`
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges" role="img" aria-label="QR code"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${path}"/></svg>`
}

/** For a terminal: two modules a character, light on dark as terminals are. */
export function qrText(text: string): string {
  const code = codeOf(text)
  const count = code.getModuleCount()
  const isLight = (row: number, column: number) =>
    row < 0 || column < 0 || row >= count || column >= count || !code.isDark(row, column)
  let lines = ''
  for (let row = -QUIET_ZONE; row < count + QUIET_ZONE; row += 2) {
    for (let column = -QUIET_ZONE; column < count + QUIET_ZONE; column++) {
      const [upper, lower] = [isLight(row, column), isLight(row + 1, column)]
      lines += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' '
    }
    lines += '\n'
  }
  return lines
}

function codeOf(text: string) {
  const code = qrcode(0, 'M')
  code.addData(text)
  code.make()
  return code
}
