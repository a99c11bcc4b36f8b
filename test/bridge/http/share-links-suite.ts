import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Caller, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Some days ago, so that no fix is ahead of the real clock when the one of the links moves on. */
const START = Date.now() - 3 * DAY
const ADMIN: Caller = { role: 'admin', sub: 'boss' }
const DESK: Caller = { role: 'dispatcher', sub: 'desk' }
const ANN: Caller = { role: 'user', sub: 'ann', devices: ['truck-1'] }
/** About a kilometre north of the yard. */
const YARD = { lat: 41.15, lng: -8.61 }
const YARD_BOX = [-8.62, 41.14, -8.6, 41.16]

/** What has to hold of share links on every database. */
export function shareLinksSuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  let nowMs = START
  let sent = START - HOUR

  before(async () => {
    platform = await startHttpPlatform({ now: () => nowMs }, databaseUrl)
    for (const id of ['truck-1', 'truck-2']) {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id, name: `The ${id}` } })
    }
  })
  after(() => platform.close())

  async function report(location: object, timestamp = ++sent, deviceId = 'truck-1'): Promise<number> {
    const body = { deviceId, timestamp, location, metadata: { battery: 12 } }
    const answer = await platform.call('POST', '/api/tracking/location', {
      caller: { role: 'service' },
      body,
    })
    assert.equal(answer.status, 202, JSON.stringify(answer.body))
    sent = Math.max(sent, timestamp)
    return timestamp
  }
  async function make(body: object = {}, caller = ADMIN) {
    const answer = await platform.call('POST', '/api/v1/share-links', {
      caller,
      body: { devices: ['truck-1'], until: nowMs + HOUR, ...body },
    })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer.body
  }
  const open = (code: string, headers: Record<string, string> = {}) =>
    platform.call('POST', '/api/v1/share-links/open', { body: { code }, headers })
  async function tokenOf(link: { code: string }): Promise<string> {
    const { status, body } = await open(link.code)
    assert.equal(status, 200, JSON.stringify(body))
    return body.token
  }
  const shared = (token: string) => platform.call('GET', '/api/v1/shared', { token })
  const historyOf = (token: string, query = '') =>
    platform.call('GET', `/api/v1/shared/devices/truck-1/history${query}`, { token })

  test('a link is made, opened with its code, and shows the newest position and nothing more', async () => {
    const timestamp = await report({ ...YARD, speed: 3 })
    const link = await make({ label: 'Your parcel' })
    assert.match(link.url, /\/share#[A-Za-z0-9_-]{32}$/)
    assert.equal(link.url.split('#')[1], link.code)
    assert.equal(link.state, 'live')
    const opened = await open(link.code)
    assert.equal(opened.body.sub.startsWith(`share:${link.id}:`), true)
    assert.equal(opened.body.expiresIn, 600)
    const { body } = await shared(opened.body.token)
    assert.equal(body.label, 'Your parcel')
    assert.equal(body.until, link.until)
    const last = { deviceId: 'truck-1', timestamp, location: { ...YARD, speed: 3 } }
    assert.deepEqual(body.devices, [{ id: 'truck-1', name: 'The truck-1', last }])
  })

  test('neither the code nor more than its hash is stored, logged, or shown again', async () => {
    const link = await make()
    await tokenOf(link)
    const { body } = await platform.call('GET', `/api/v1/share-links/${link.id}`, { caller: ADMIN })
    assert.ok(!('code' in body) && !('url' in body))
    const rows = await platform.db.query('select * from share_links')
    assert.ok(!JSON.stringify(rows).includes(link.code))
    assert.ok(platform.log.every(line => !line.includes(link.code)))
  })

  for (const [what, body] of [
    ['no end', { until: undefined }],
    ['an end in the past', { until: START - 1 }],
    ['an end before its beginning', { from: START + 2 * HOUR, until: START + HOUR }],
    ['an end in 31 days', { until: START + 31 * DAY }],
    ['no device', { devices: [] }],
    ['51 devices', { devices: Array.from({ length: 51 }, (_, i) => `d${i}`) }],
    ['a precision of nothing', { precisionMeters: 0 }],
    ['an unknown key', { forever: true }],
  ] as const) {
    test(`a link with ${what} is refused`, async () => {
      const answer = await platform.call('POST', '/api/v1/share-links', {
        caller: ADMIN,
        body: { devices: ['truck-1'], until: START + HOUR, ...body },
      })
      assert.equal(answer.status, 400, JSON.stringify(answer.body))
      assert.equal(answer.body.code, 'payload_invalid')
    })
  }

  test('an area that crosses itself is refused with the position of its fault', async () => {
    const bow = [
      [0, 0],
      [1, 1],
      [1, 0],
      [0, 1],
      [0, 0],
    ]
    const answer = await platform.call('POST', '/api/v1/share-links', {
      caller: ADMIN,
      body: { devices: ['truck-1'], until: nowMs + HOUR, area: { type: 'Polygon', coordinates: [bow] } },
    })
    assert.equal(answer.status, 422)
    assert.deepEqual(answer.body.position, [0.5, 0.5])
  })

  test('a device that is not registered, or that the maker may not see, cannot be shared', async () => {
    for (const [caller, device] of [
      [ADMIN, 'truck-9'],
      [ANN, 'truck-2'],
      [{ role: 'driver', sub: 'dan' } as Caller, 'truck-1'],
      [{ ...ADMIN, org: 'rival' }, 'truck-1'],
    ] as const) {
      const body = { devices: [device], until: nowMs + HOUR }
      const answer = await platform.call('POST', '/api/v1/share-links', { caller, body })
      assert.equal(answer.body.code, 'device_unknown', JSON.stringify(answer.body))
    }
    await make({}, ANN)
    await make({ devices: ['truck-1', 'truck-2'] }, DESK)
  })

  test('everybody lists and looks after their own links, admins those of all; other organisations see none', async () => {
    const link = await make({}, ANN)
    const ids = async (caller: Caller) => {
      const { body } = await platform.call('GET', '/api/v1/share-links', { caller })
      return body.items.map(({ id }: { id: string }) => id)
    }
    assert.ok((await ids(ANN)).includes(link.id))
    assert.ok((await ids(ADMIN)).includes(link.id))
    for (const caller of [DESK, { ...ANN, sub: 'eve' }, { ...ADMIN, org: 'rival' }]) {
      assert.ok(!(await ids(caller)).includes(link.id))
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['GET', '/views', undefined],
        ['PATCH', '', { label: 'x' }],
        ['DELETE', '', undefined],
      ] as const) {
        const answer = await platform.call(method, `/api/v1/share-links/${link.id}${path}`, { caller, body })
        assert.equal(answer.body.code, 'share_unknown', `${caller.sub} ${method}`)
      }
    }
  })

  test('the list is paged by a cursor, newest first', async () => {
    for (let i = 0; i < 3; i += 1) await make({}, { ...ANN, sub: 'pam' })
    const caller = { ...ANN, sub: 'pam' }
    const first = await platform.call('GET', '/api/v1/share-links?limit=2', { caller })
    const second = await platform.call('GET', `/api/v1/share-links?limit=2&cursor=${first.body.next}`, { caller })
    assert.equal(first.body.items.length, 2)
    assert.equal(second.body.items.length, 1)
    assert.equal(second.body.next, null)
    const ids = [...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id)
    assert.equal(new Set(ids).size, 3)
  })

  test('a wrong code, and one that was cut short, are unknown', async () => {
    const link = await make()
    for (const code of ['nope', link.code.slice(0, -1), `${link.code}x`, link.id]) {
      assert.equal((await open(code)).body.code, 'share_unknown')
    }
  })

  test('an address that sends wrong codes has to wait, a right one is no matter; a link opens 30 times a minute', async () => {
    nowMs += 120_000
    const right = await make()
    const answers = []
    for (let i = 0; i < 31; i += 1) answers.push(await open('wrong'))
    assert.deepEqual(new Set(answers.slice(0, 30).map(({ status }) => status)), new Set([404]))
    assert.equal(answers[30]!.status, 429)
    assert.equal(answers[30]!.headers['retry-after'], '60')
    nowMs += 60_000
    assert.equal((await open('wrong')).status, 404)
    const openings = []
    for (let i = 0; i < 31; i += 1) openings.push((await open(right.code)).status)
    assert.deepEqual(openings, [...Array(30).fill(200), 429])
    assert.equal((await open((await make()).code)).status, 200, 'another link')
  })

  test('the token of a link reaches no other route, and other tokens do not reach the shared ones', async () => {
    const token = await tokenOf(await make({ history: true }))
    const { body: document } = await platform.call('GET', '/api/openapi.json')
    let walked = 0
    for (const [path, methods] of Object.entries<Record<string, { security?: unknown[] }>>(document.paths)) {
      for (const [method, { security }] of Object.entries(methods)) {
        if (security?.length === 0) continue
        walked += 1
        const url = path.replaceAll(/\{[a-zA-Z]+\}/g, 'truck-1')
        const answer = await platform.call(method.toUpperCase(), url, { token, ...(method !== 'get' && { body: {} }) })
        if (path.startsWith('/api/v1/shared')) {
          assert.ok(answer.status === 200, `${method} ${path}: ${answer.status}`)
          for (const role of ['device', 'driver', 'user', 'dispatcher', 'admin', 'service'] as const) {
            const other = await platform.call(method.toUpperCase(), url, { caller: { role, devices: ['truck-1'] } })
            assert.equal(other.status, 403, `${role} ${method} ${path}`)
          }
        } else {
          assert.equal(answer.status, 403, `${method} ${path}: ${JSON.stringify(answer.body)}`)
          assert.equal(answer.body.code, 'forbidden')
        }
      }
    }
    assert.ok(walked > 50, `${walked} routes`)
  })

  test('a live link has no history; one with history shows it from its beginning on', async () => {
    const before = await report(YARD)
    await report({ ...YARD, lat: 41.151 })
    const from = await report({ ...YARD, lat: 41.152 })
    const newest = await report({ ...YARD, lat: 41.153 })
    const live = await tokenOf(await make({ from }))
    assert.equal((await historyOf(live)).status, 403)
    const token = await tokenOf(await make({ from, history: true }))
    const times = async (query = '') =>
      (await historyOf(token, query)).body.items.map(({ timestamp }: { timestamp: number }) => timestamp)
    assert.deepEqual(await times(), [from, newest])
    assert.deepEqual(await times(`?from=${before}`), [from, newest], 'asking for more gives no more')
    assert.deepEqual(await times(`?to=${newest}`), [from])
    assert.equal((await platform.call('GET', '/api/v1/shared/devices/truck-2/history', { token })).status, 404)
    const page = await historyOf(token, '?limit=1')
    assert.equal(page.body.items.length, 1)
    const next = await historyOf(token, `?limit=1&cursor=${page.body.next}`)
    assert.deepEqual(
      next.body.items.map(({ timestamp }: { timestamp: number }) => timestamp),
      [newest],
    )
  })

  test('history is rounded and cut to the area as live positions are', async () => {
    const from = await report({ ...YARD, speed: 20, heading: 90, altitude: 5, accuracy: 3 })
    await report({ ...YARD, lat: 41.1501 })
    await report({ lat: 41.5, lng: -8.61 })
    const token = await tokenOf(await make({ from, history: true, area: YARD_BOX, precisionMeters: 1_000 }))
    const { items } = (await historyOf(token)).body
    assert.equal(items.length, 2, 'the one outside of the area is withheld')
    assert.deepEqual(items[0].location, items[1].location, 'both in one cell')
    assert.deepEqual(Object.keys(items[0].location).sort(), ['accuracy', 'lat', 'lng'])
    const { body } = await shared(token)
    assert.equal(body.devices[0].last, null, 'it is outside of the area now')
    assert.equal(body.hasArea, true)
  })

  test('before its beginning a link shows nothing, at its end it ends', async () => {
    const start = nowMs
    await report(YARD, start - 5)
    const link = await make({ from: start + 1_000, until: start + 10_000 })
    assert.equal(link.state, 'upcoming')
    const token = await tokenOf(link)
    assert.equal((await shared(token)).body.devices[0].last, null)
    await report(YARD, start + 1_000)
    nowMs = start + 999
    assert.equal((await shared(token)).body.devices[0].last, null, 'a millisecond early')
    nowMs = start + 1_000
    assert.equal((await shared(token)).body.devices[0].last.timestamp, start + 1_000)
    nowMs = start + 9_999
    assert.equal((await shared(token)).status, 200)
    nowMs = start + 10_000
    assert.equal((await shared(token)).body.code, 'token_expired', 'no token outlives its window')
    const again = await open(link.code)
    assert.equal(again.status, 410)
    assert.equal(again.body.state, 'expired')
  })

  test('a live link begins with the newest position, be it of this morning; a link with history begins now', async () => {
    const parked = await report(YARD, nowMs - 5 * HOUR, 'truck-2')
    const live = await make({ devices: ['truck-2'] })
    assert.equal(live.from, parked)
    const token = await tokenOf(live)
    assert.equal((await shared(token)).body.devices[0].last.timestamp, parked)
    assert.equal((await make({ devices: ['truck-2'], history: true })).from, nowMs)
  })

  test('revoking counts at once, for the code and for tokens that are out', async () => {
    const link = await make()
    const token = await tokenOf(link)
    const url = `/api/v1/share-links/${link.id}`
    assert.equal((await platform.call('DELETE', url, { caller: ADMIN })).status, 204)
    assert.equal((await platform.call('DELETE', url, { caller: ADMIN })).status, 204, 'twice is as good')
    for (const answer of [
      await open(link.code),
      await shared(token),
      await platform.call('POST', '/api/v1/shared/renew', { token }),
    ]) {
      assert.equal(answer.status, 410)
      assert.equal(answer.body.state, 'revoked')
    }
    assert.equal((await platform.call('GET', url, { caller: ADMIN })).body.state, 'revoked')
    const changed = await platform.call('PATCH', url, { caller: ADMIN, body: { until: nowMs + DAY } })
    assert.equal(changed.body.code, 'share_ended', 'a revoked link does not come back')
  })

  test('the end can be moved, also of a link that is open; the label too', async () => {
    const link = await make({ label: 'One' })
    const token = await tokenOf(link)
    const url = `/api/v1/share-links/${link.id}`
    const until = nowMs + 2 * HOUR
    const { body } = await platform.call('PATCH', url, { caller: ADMIN, body: { until, label: 'Two' } })
    assert.equal(body.until, until)
    const seen = (await shared(token)).body
    assert.deepEqual([seen.until, seen.label], [until, 'Two'])
    const renewed = await platform.call('POST', '/api/v1/shared/renew', { token })
    assert.equal((await platform.tokens.verify(renewed.body.token)).share?.until, until)
    const tooFar = await platform.call('PATCH', url, { caller: ADMIN, body: { until: nowMs + 31 * DAY } })
    assert.equal(tooFar.body.code, 'payload_invalid')
  })

  test('the view log says when, from which network, with what, for how long', async () => {
    const link = await make()
    const { body } = await open(link.code, { 'user-agent': 'Browser/1.0' })
    const openedAt = nowMs
    nowMs += 90_000
    await shared(body.token)
    await tokenOf(link)
    const { items } = (await platform.call('GET', `/api/v1/share-links/${link.id}/views`, { caller: ADMIN })).body
    assert.equal(items.length, 2)
    assert.deepEqual(items[1], {
      openedAt,
      lastSeenAt: nowMs,
      seconds: 90,
      address: '127.0.0.0/24',
      userAgent: 'Browser/1.0',
    })
    assert.equal((await platform.call('GET', `/api/v1/share-links/${link.id}`, { caller: ADMIN })).body.views, 2)
  })

  test('a link that may be opened twice is not opened a third time; those who have it open go on', async () => {
    const link = await make({ maxViews: 2 })
    const token = await tokenOf(link)
    await tokenOf(link)
    const third = await open(link.code)
    assert.equal(third.status, 410)
    assert.equal(third.body.state, 'used-up')
    assert.equal((await platform.call('POST', '/api/v1/shared/renew', { token })).status, 200)
  })

  test('a link never gives more than its maker has: it ends when the account loses the device, its role, or is gone', async () => {
    const account = (role: string, devices: string[]) =>
      platform.db.query('update users set role = $1, devices = $2 where user_id = $3', [role, devices, 'max'])
    await platform.db.query(
      `insert into users (org, user_id, role, password_hash, devices, created_at) values ('demo', 'max', 'user', 'x', $1, 0)`,
      [['truck-1']],
    )
    const link = await make({}, { role: 'user', sub: 'max', devices: ['truck-1'] })
    const token = await tokenOf(link)
    const status = async () => (await shared(token)).status
    assert.equal(await status(), 200)
    await account('user', [])
    assert.equal(await status(), 410)
    assert.equal((await open(link.code)).body.state, 'withdrawn')
    await account('dispatcher', [])
    assert.equal(await status(), 200)
    await account('service', ['truck-1'])
    assert.equal(await status(), 410)
    await account('driver', ['truck-1', 'truck-2'])
    assert.equal(await status(), 200)
    await platform.db.query(`delete from users where user_id = 'max'`)
    assert.equal(await status(), 410)
  })

  test('a token made by hand shows the same, without a link, and has no successor', async () => {
    const timestamp = await report(YARD)
    const scope = { devices: ['truck-1'], from: timestamp, until: nowMs + HOUR, precisionMeters: 1_000 }
    const token = await platform.tokens.mint({ org: 'demo', sub: 'guest', role: 'user', ttlSeconds: 600, scope })
    const { body } = await shared(token)
    assert.equal(body.label, null)
    assert.equal(body.devices[0].last.timestamp, timestamp)
    assert.notEqual(body.devices[0].last.location.lat, YARD.lat)
    assert.equal((await platform.call('POST', '/api/v1/shared/renew', { token })).status, 403)
  })

  test('making, changing and revoking a link are in the audit log, its code is not', async () => {
    const link = await make({ label: 'Parcel' })
    const url = `/api/v1/share-links/${link.id}`
    await platform.call('PATCH', url, { caller: ADMIN, body: { label: 'Two parcels' } })
    for (let i = 0; i < 2; i += 1) await platform.call('DELETE', url, { caller: ADMIN })
    const rows = await platform.db.query<{ action: string }>(
      'select action, detail, actor from audit_log where target = $1 order by seq',
      [link.id],
    )
    assert.deepEqual(
      rows.map(({ action }) => action),
      ['share.create', 'share.change', 'share.revoke'],
    )
    assert.ok(!JSON.stringify(rows).includes(link.code))
  })

  test('links that ended 90 days ago go, and who looked at them too', async () => {
    const link = await make()
    await tokenOf(link)
    nowMs += 91 * DAY
    await make()
    assert.deepEqual(await platform.db.query('select id from share_links where id = $1', [link.id]), [])
    assert.deepEqual(await platform.db.query('select id from share_views where link_id = $1', [link.id]), [])
  })
}
