import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { ERRORS } from '../../../contract/index.ts'
import { isLong } from '../../support/long.ts'
import { ADMIN, type Caller, DISPATCHER, GATEWAY, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const RUNS = Number(process.env.TRACKWIRE_FUZZ_RUNS ?? (isLong ? 100 : 20))

/** Values that look like what the API takes, so that they get past the first check. */
const KEYS = [
  ...['deviceId', 'timestamp', 'location', 'lat', 'lng', 'metadata', 'attributes', 'updates', 'id', 'name', 'groups'],
  ...[
    'type',
    'geometry',
    'properties',
    'coordinates',
    'features',
    'radius',
    'buffer',
    'action',
    'by',
    'note',
    'message',
  ],
  ...['username', 'password', 'refreshToken', '__proto__', 'constructor', 'toString', 'limit', 'cursor', 'from', 'to'],
]
const WORDS = [
  'truck-1',
  'Feature',
  'FeatureCollection',
  'Polygon',
  'Point',
  'trigger',
  'cancel',
  'open',
  '',
  '\0',
  '\ud800',
  '..',
]
const leaf = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(0, -0, 1e308, -1, 1_700_000_000_000, 2 ** 53, 0.1, Number.MIN_VALUE),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
)
const { value: anyJson } = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 6 }),
  ),
}))
const pathText = fc.oneof(
  fc.constantFrom('truck-1', 'home', '..', '%00', '%', 'a%2Fb', "'--"),
  fc.webPath({ size: 'small' }),
)
const query = fc.dictionary(
  fc.constantFrom('limit', 'cursor', 'from', 'to', 'deviceId', 'event', 'state', '__proto__', 'x'),
  fc.oneof(fc.constantFrom('1', '-1', '2026-01-01', 'WzFd', 'WyIiXQ', 'WzEsMV0', 'open'), fc.string({ maxLength: 12 })),
  { maxKeys: 3 },
)

describe('whatever is sent, no route breaks', () => {
  let platform: HttpPlatform
  const routes: [method: string, path: string][] = []

  before(async () => {
    platform = await startHttpPlatform()
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'truck-1' } })
    const { body } = await platform.call('GET', '/api/openapi.json')
    for (const [path, methods] of Object.entries<object>(body.paths)) {
      // A log-in costs a quarter of a second of CPU by design; its bodies are in the tables of bad input.
      if (path === '/api/v1/auth/login') continue
      for (const method of Object.keys(methods)) routes.push([method.toUpperCase(), path])
    }
  })
  after(() => platform.close())

  test('every answer is a success or a problem of a known code, never an unexpected fault', async () => {
    const callers: Caller[] = [ADMIN, DISPATCHER, GATEWAY, { role: 'device', sub: 'truck-1' }]
    const request = fc.record({
      route: fc.nat().map(n => routes[n % routes.length]!),
      caller: fc.constantFrom(...callers),
      parameter: pathText,
      query,
      body: anyJson,
    })
    await fc.assert(
      fc.asyncProperty(request, async ({ route: [method, path], caller, parameter, query, body }) => {
        const url = `${path.replace(/\{\w+\}/, parameter)}?${new URLSearchParams(query)}`
        const sent = method === 'GET' || method === 'DELETE' ? {} : { body: JSON.stringify(body) }
        const answer = await platform.call(method, url, { caller, ...sent })
        assert.notEqual(answer.status, 500, platform.log.at(-2))
        if (answer.status < 400) return
        assert.match(String(answer.headers['content-type']), /problem\+json/)
        assert.ok(answer.body.code in ERRORS)
      }),
      { numRuns: RUNS * routes.length },
    )
  })
})
