import type { FastifyInstance } from 'fastify'

/** Answers of the API hold no page: nothing in them may run, load or be framed. */
const API_POLICY = "default-src 'none'; frame-ancestors 'none'"
const ONE_YEAR_SECONDS = 31_536_000

/** Headers of every answer; a page sets its own `content-security-policy` over the API's. */
export function setSecurityHeaders(app: FastifyInstance, { secure }: { secure: boolean }): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'content-security-policy': API_POLICY,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      // Tile servers ask for a referrer; they get the origin alone.
      'referrer-policy': 'strict-origin-when-cross-origin',
      'cross-origin-opener-policy': 'same-origin',
      'cache-control': 'no-store',
      ...(secure && { 'strict-transport-security': `max-age=${ONE_YEAR_SECONDS}` }),
    })
  })
}

/** The policy of the dashboard: own scripts only, MapLibre's worker, tiles of the configured host, MQTT over WebSocket. */
export function dashboardPolicy(mapTileUrl: string | undefined): string {
  const tiles = mapTileUrl === undefined ? '' : ` ${tileHost(mapTileUrl)}`
  return [
    "default-src 'self'",
    "script-src 'self'",
    "worker-src 'self' blob:",
    "child-src 'self' blob:",
    // MapLibre and React place things by style attributes; no style is loaded from elsewhere.
    "style-src 'self' 'unsafe-inline'",
    `img-src 'self' data: blob:${tiles}`,
    "font-src 'self' data:",
    `connect-src 'self' ws: wss:${tiles}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** The same for the page of a share link, which anybody may open: it talks to its own host alone, in no form and no frame. */
export function sharePolicy(mapTileUrl: string | undefined): string {
  const tiles = mapTileUrl === undefined ? '' : ` ${tileHost(mapTileUrl)}`
  return [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self' blob:",
    "style-src 'self' 'unsafe-inline'",
    `img-src 'self' data: blob:${tiles}`,
    // `'self'` is MQTT over WebSocket on this host too (CSP 3 §6.7.2.8).
    `connect-src 'self'${tiles}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** Swagger UI brings its own scripts and styles from this host. */
export const DOCS_POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

/** A sheet of codes to be printed: it holds nothing but text, style and drawings. */
export const CODES_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

/** The host of a tile URL as a CSP source: `https://{s}.tiles.example/{z}/{x}/{y}.png` → `https://*.tiles.example`. */
export function tileHost(mapTileUrl: string): string {
  const match = /^(https?:\/\/)([^/\s;,'"]+)/i.exec(mapTileUrl)
  if (match === null) return ''
  return `${match[1]}${match[2]!.replace(/^[^.]*\{[^}]*\}[^.]*\./, '*.')}`
}
