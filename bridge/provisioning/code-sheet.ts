import { qrSvg } from './qr-code.ts'

interface SheetCode {
  readonly deviceId: string
  readonly name: string | null
  readonly code: string
  readonly url: string
  readonly expiresAt: number
}

const STYLE = `body{font:14px system-ui,sans-serif;margin:10mm;color:#000;background:#fff}h1{font-size:16px}
ul{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(58mm,1fr));gap:5mm}
li{border:1px solid #999;border-radius:2mm;padding:4mm;text-align:center;break-inside:avoid;overflow-wrap:anywhere}
svg{width:42mm;height:42mm}b{display:block;font-size:15px}code{display:block;font-size:17px;margin:1mm 0}small{color:#444}`

/** A page of codes to be printed and cut: one label a device. Needs no script. */
export function codeSheet(org: string, codes: readonly SheetCode[]): string {
  const labels = codes.map(
    ({ deviceId, name, code, url, expiresAt }) =>
      `<li>${qrSvg(url)}<b>${escaped(name ?? deviceId)}</b>${name === null ? '' : `<small>${escaped(deviceId)}</small>`}<code>${escaped(code)}</code><small>until ${new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ')} UTC</small></li>`,
  )
  const title = `Claim codes of ${escaped(org)}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style></head>
<body><h1>${title}</h1><p>Each code works once. Scan it, or type it at ${escaped(new URL('/claim', codes[0]!.url).href)}.</p>
<ul>
${labels.join('\n')}
</ul></body></html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, character => ENTITIES[character]!)
}
