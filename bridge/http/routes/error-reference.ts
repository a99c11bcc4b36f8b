import { ERRORS } from '../../../contract/index.ts'
import { PUBLIC } from '../access.ts'
import type { Api } from '../schema-checks.ts'
import { DOCS_POLICY } from '../security-headers.ts'

/** The page that the `type` of every problem points to (RFC 9457 §3.1.1). */
export function errorReferenceRoutes(app: Api): void {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, retry, meaning }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${retry ? 'yes' : 'no'}</td><td>${meaning}</td></tr>`,
  )
  const page = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Trackwire errors</title><link rel="icon" href="data:,">
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}
td,th{text-align:left;padding:.3rem .6rem;vertical-align:top}tr:target{background:Highlight;color:HighlightText}</style></head>
<body><h1>Error codes</h1><table><thead><tr><th>Code</th><th>HTTP</th><th>Try again</th><th>Meaning</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></body></html>
`
  app.get('/api/docs/errors', { config: { access: PUBLIC }, schema: { hide: true } }, async (_request, reply) =>
    reply.headers({ 'content-security-policy': DOCS_POLICY, 'cache-control': 'no-cache' }).type('text/html').send(page),
  )
}
