import type { FastifyInstance } from 'fastify'

/** Answers of the API hold no page: nothing in them may run, load, be sent or be framed. */
const API_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
/** The map shows where devices are, not where the browser is. */
const PERMISSIONS = 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'
const ONE_YEAR_SECONDS = 31_536_000

/**
 * Headers of every answer: those that helmet sends by default, stricter where our pages allow it. A page sets its own
 * `content-security-policy` over the API's.
 */
export function setSecurityHeaders(app: FastifyInstance, { secure }: { secure: boolean }): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'content-security-policy': API_POLICY,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      // Tile servers ask for a referrer; they get the origin alone.
      'referrer-policy': 'strict-origin-when-cross-origin',
      'cross-origin-opener-policy': 'same-origin',
      // Not to be embedded by pages of other sites. CORS is another matter: it asks first.
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'permissions-policy': PERMISSIONS,
      'x-dns-prefetch-control': 'off',
      'x-download-options': 'noopen',
      'x-permitted-cross-domain-policies': 'none',
      // The filter that old browsers had could be turned against the page.
      'x-xss-protection': '0',
      'cache-control': 'no-store',
      ...(secure && { 'strict-transport-security': `max-age=${ONE_YEAR_SECONDS}; includeSubDomains` }),
    })
  })
}

/** A host and perhaps a port: nothing that could end a directive. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/**
 * The policy of the dashboard: own scripts only, MapLibre's worker, tiles of the configured host, MQTT over WebSocket to the host
 * that it came from and to no other: what a foreign script might read cannot be sent away.
 * @param host the Host header of the request; one that is none is left out
 */
export function dashboardPolicy(mapTileUrl: string | undefined, host: string | undefined, secure: boolean): string {
  // Browsers of some years ago do not count WebSocket among 'self'.
  const webSocket = host !== undefined && HOST.test(host) ? ` ${secure ? '' : `ws://${host} `}wss://${host}` : ''
  const tiles = mapTileUrl === undefined ? '' : ` ${tileHost(mapTileUrl)}`
  return [
    "default-src 'self'",
    "script-src 'self'",
    "script-src-attr 'none'",
    "worker-src 'self' blob:",
    "child-src 'self' blob:",
    // MapLibre and React place things by style attributes; no style is loaded from elsewhere.
    "style-src 'self' 'unsafe-inline'",
    `img-src 'self' data: blob:${tiles}`,
    "font-src 'self' data:",
    `connect-src 'self'${webSocket}${tiles}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    ...(secure ? ['upgrade-insecure-requests'] : []),
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
  "default-src 'self'; script-src 'self'; script-src-attr 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** A sheet of codes to be printed: it holds nothing but text, style and drawings. */
export const CODES_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

/** The host of a tile URL as a CSP source: `https://{s}.tiles.example/{z}/{x}/{y}.png` → `https://*.tiles.example`. */
export function tileHost(mapTileUrl: string): string {
  const match = /^(https?:\/\/)([^/\s;,'"]+)/i.exec(mapTileUrl)
  if (match === null) return ''
  return `${match[1]}${match[2]!.replace(/^[^.]*\{[^}]*\}[^.]*\./, '*.')}`
}
