import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { checkSchema, FenceFeature, GeofenceEvent, SosEvent } from '../../../contract/index.ts'
import { ADMIN, DISPATCHER, fixAt, GATEWAY, type HttpPlatform, square, startHttpPlatform } from './http-platform.ts'

const T0 = Date.UTC(2026, 0, 1)
const FENCES = '/api/v1/fences'

/** What has to hold on every database. */
export function fencesAlertsSosSuite(databaseUrl?: string): void {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({}, databaseUrl)
    for (const id of ['truck-1', 'truck-2'])
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id } })
  })
  after(() => platform.close())

  describe('fences', () => {
    test('a fence without an id gets one and is read back as it was sent', async () => {
      const sent = square(undefined, 10, 10)
      const made = await platform.call('POST', FENCES, { caller: DISPATCHER, body: sent })
      assert.equal(made.status, 201)
      const { id } = checkSchema(FenceFeature, made.body)
      assert.equal(made.headers.location, `${FENCES}/${id}`)
      const read = await platform.call('GET', `${FENCES}/${id}`, { caller: DISPATCHER })
      assert.match(String(read.headers['content-type']), /^application\/geo\+json/)
      assert.deepEqual(read.body, { ...sent, id })
    })

    test('a fence is sent as application/geo+json too, and keeps properties that we do not know of', async () => {
      const body = square('own', 11, 10)
      Object.assign(body.properties as object, { colour: 'red' })
      const headers = { 'content-type': 'application/geo+json' }
      const made = await platform.call('POST', FENCES, { caller: ADMIN, body, headers })
      assert.equal(made.status, 201)
      assert.equal(made.body.properties.colour, 'red')
    })

    test('creating one of an id that is taken is a conflict', async () => {
      await platform.call('PUT', `${FENCES}/taken`, { caller: ADMIN, body: square(undefined, 12, 10) })
      const answer = await platform.call('POST', FENCES, { caller: ADMIN, body: square('taken', 12, 10) })
      assert.deepEqual([answer.status, answer.body.code], [409, 'conflict'])
    })

    test('PUT creates with 201, replaces with 200, and the id of the path counts', async () => {
      const url = `${FENCES}/put-1`
      assert.equal((await platform.call('PUT', url, { caller: ADMIN, body: square(undefined, 13, 10) })).status, 201)
      const replaced = await platform.call('PUT', url, { caller: ADMIN, body: square('put-1', 14, 10) })
      assert.equal(replaced.status, 200)
      assert.equal(replaced.body.id, 'put-1')
      const mismatch = await platform.call('PUT', url, { caller: ADMIN, body: square('other', 14, 10) })
      assert.deepEqual([mismatch.status, mismatch.body.code], [400, 'request_invalid'])
      assert.match(mismatch.body.detail, /not put-1/)
    })

    test('a deleted fence is gone, and deleting it again is 404', async () => {
      await platform.call('PUT', `${FENCES}/gone`, { caller: ADMIN, body: square('gone', 15, 10) })
      const deleted = await platform.call('DELETE', `${FENCES}/gone`, { caller: ADMIN })
      assert.deepEqual([deleted.status, deleted.body], [204, ''])
      for (const method of ['GET', 'DELETE']) {
        assert.equal((await platform.call(method, `${FENCES}/gone`, { caller: ADMIN })).body.code, 'not_found')
      }
    })

    const invalid: readonly [string, unknown, RegExp][] = [
      [
        'an open ring',
        {
          type: 'Polygon',
          coordinates: [
            [
              [0, 0],
              [1, 0],
              [1, 1],
              [0, 1],
            ],
          ],
        },
        /not closed/,
      ],
      [
        'a ring that crosses itself',
        {
          type: 'Polygon',
          coordinates: [
            [
              [0, 0],
              [2, 2],
              [2, 0],
              [0, 2],
              [0, 0],
            ],
          ],
        },
        /./,
      ],
      [
        'latitude first',
        {
          type: 'Polygon',
          coordinates: [
            [
              [0, 95],
              [1, 95],
              [1, 96],
              [0, 95],
            ],
          ],
        },
        /latitude 95/,
      ],
      ['a circle without a radius', { type: 'Point', coordinates: [1, 1] }, /radius/],
      ['a geometry of another kind', { type: 'MultiPoint', coordinates: [] }, /MultiPoint/],
    ]
    for (const [name, geometry, message] of invalid) {
      test(`refused with the place of the fault: ${name}`, async () => {
        const body = { type: 'Feature', id: 'bad', geometry, properties: {} }
        const answer = await platform.call('POST', FENCES, { caller: ADMIN, body })
        assert.deepEqual([answer.status, answer.body.code], [422, 'fence_invalid'], JSON.stringify(answer.body))
        assert.match(answer.body.detail, message)
        assert.ok(answer.body.path !== undefined || answer.body.position !== undefined)
      })
    }

    for (const [name, body] of [
      ['null', 'null'],
      ['a number', '7'],
      ['an array', '[]'],
      ['a FeatureCollection', { type: 'FeatureCollection', features: [] }],
      ['an id that is a number', { ...square(undefined, 1, 1), id: 7 }],
      ['an id with a slash', square('a/b', 1, 1)],
    ] as const) {
      test(`a fence is refused: ${name}`, async () => {
        const answer = await platform.call('POST', FENCES, { caller: ADMIN, body })
        assert.deepEqual([answer.status, answer.body.code], [422, 'fence_invalid'])
      })
    }

    test('an import is all or nothing, and its error names feature and position', async () => {
      const open = square('i-3', 20, 20) as { geometry: { coordinates: number[][][] } }
      open.geometry.coordinates[0]!.pop()
      const features = [square('i-1', 20, 20), square(undefined, 21, 20), open]
      const body = { type: 'FeatureCollection', features }
      const refused = await platform.call('POST', `${FENCES}/import`, { caller: ADMIN, body })
      assert.deepEqual([refused.status, refused.body.code, refused.body.index], [422, 'fence_invalid', 2])
      assert.match(refused.body.detail, /^feature 2: /)
      assert.equal(refused.body.position.length, 2)
      assert.equal((await platform.call('GET', `${FENCES}/i-1`, { caller: ADMIN })).status, 404, 'nothing was imported')
      const taken = await platform.call('POST', `${FENCES}/import`, {
        caller: ADMIN,
        body: { type: 'FeatureCollection', features: features.slice(0, 2) },
      })
      assert.deepEqual([taken.status, taken.body], [200, { imported: 2 }])
      assert.equal((await platform.call('GET', `${FENCES}/i-1`, { caller: ADMIN })).status, 200)
    })

    test('an import with one id twice is refused', async () => {
      const body = { type: 'FeatureCollection', features: [square('twin', 1, 1), square('twin', 2, 2)] }
      const answer = await platform.call('POST', `${FENCES}/import`, { caller: ADMIN, body })
      assert.match(answer.body.detail, /feature 1: its id twin is that of feature 0 too/)
    })

    test('an import may be larger than other bodies', async () => {
      const features = Array.from({ length: 1_500 }, (_, i) => square(`bulk-${i}`, i / 100, 50))
      const body = { type: 'FeatureCollection', features }
      assert.ok(JSON.stringify(body).length > 262_144)
      const answer = await platform.call('POST', `${FENCES}/import`, { caller: ADMIN, body })
      assert.deepEqual(answer.body, { imported: 1_500 })
    })

    test('the list is paged, and a FeatureCollection when GeoJSON is asked for', async () => {
      const seen: string[] = []
      for (let cursor = ''; ; ) {
        const { body } = await platform.call('GET', `${FENCES}?limit=1000${cursor}`, { caller: ADMIN })
        seen.push(...body.items.map(({ id }: { id: string }) => id))
        if (body.next === null) break
        cursor = `&cursor=${body.next}`
      }
      assert.ok(seen.length > 1_500)
      assert.equal(new Set(seen).size, seen.length)
      const headers = { accept: 'application/geo+json' }
      const { body } = await platform.call('GET', `${FENCES}?limit=2`, { caller: ADMIN, headers })
      assert.equal(body.type, 'FeatureCollection')
      assert.equal(body.features.length, 2)
      assert.equal(typeof body.next, 'string')
    })
  })

  describe('alerts', () => {
    before(async () => {
      await platform.call('PUT', `${FENCES}/zone`, { caller: ADMIN, body: square('zone', -8.61, 41.15) })
      for (const deviceId of ['truck-1', 'truck-2']) {
        const body = Array.from({ length: 6 }, (_, i) => ({
          ...fixAt(T0 + i * 1_000, 41.15, i % 2 ? -8.61 : -8.5),
          deviceId,
        }))
        await platform.call('POST', '/api/tracking/batch', { caller: GATEWAY, body })
      }
    })
    const alerts = async (query = '', caller: Parameters<HttpPlatform['token']>[0] = ADMIN) =>
      (await platform.call('GET', `/api/v1/alerts${query}`, { caller })).body

    test('the events as announced, newest first', async () => {
      const { items, next } = await alerts()
      assert.equal(next, null)
      assert.equal(items.length, 10)
      for (const item of items) checkSchema(GeofenceEvent, item)
      const times = items.map(({ timestamp }: GeofenceEvent) => timestamp)
      assert.deepEqual(
        times,
        [...times].sort((a, b) => b - a),
      )
      assert.deepEqual(new Set(items.map(({ fenceId }: GeofenceEvent) => fenceId)), new Set(['zone']))
    })

    test('pages follow one another without gaps or repeats, also among events of the same time', async () => {
      const all = (await alerts()).items.map(({ id }: GeofenceEvent) => id)
      const seen: string[] = []
      for (let cursor = ''; ; ) {
        const body = await alerts(`?limit=3${cursor}`)
        seen.push(...body.items.map(({ id }: GeofenceEvent) => id))
        if (body.next === null) break
        cursor = `&cursor=${body.next}`
      }
      assert.deepEqual(seen, all)
    })

    const filters: readonly [string, number][] = [
      ['?deviceId=truck-1', 5],
      ['?fenceId=zone', 10],
      ['?fenceId=none', 0],
      ['?event=enter', 6],
      ['?event=exit', 4],
      ['?event=dwell', 0],
      [`?from=${T0 + 2_000}&to=${T0 + 4_000}`, 4],
      [`?deviceId=truck-2&event=enter&to=${T0 + 2_000}`, 1],
    ]
    for (const [query, count] of filters) {
      test(`${query} finds ${count}`, async () => assert.equal((await alerts(query)).items.length, count))
    }

    test('only of devices that one may see', async () => {
      const user = { role: 'user' as const, devices: ['truck-2'] }
      assert.equal((await alerts('', user)).items.length, 5)
      assert.equal((await alerts('?deviceId=truck-1', user)).items.length, 0)
    })

    test('an event that does not exist is refused', async () => {
      assert.equal((await alerts('?event=cross')).code, 'request_invalid')
    })

    test('a correction stays in the list beside what it took back; standing=true leaves both out', async () => {
      await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'truck-9' } })
      const send = (second: number, lng: number) =>
        platform.call('POST', '/api/tracking/location', {
          caller: GATEWAY,
          body: { ...fixAt(T0 + second * 1_000, 41.15, lng), deviceId: 'truck-9' },
        })
      await send(1, -8.5)
      await send(10, -8.61)
      await send(5, -8.61)
      const of = async (query: string): Promise<GeofenceEvent[]> =>
        (await alerts(`?deviceId=truck-9${query}`)).items.sort((a: GeofenceEvent, b: GeofenceEvent) =>
          a.event < b.event ? -1 : 1,
        )
      const [correction, ...enters] = await of('')
      assert.equal(correction!.event, 'correction')
      assert.deepEqual(enters.map(({ timestamp }) => (timestamp - T0) / 1_000).sort(), [10, 5])
      assert.deepEqual(await of('&event=correction'), [correction])
      const [stands, ...others] = await of('&standing=true')
      assert.deepEqual([stands!.timestamp, stands!.late, others.length], [T0 + 5_000, true, 0])
      assert.equal(correction!.retracts, enters.find(({ id }) => id !== stands!.id)!.id)
      assert.deepEqual(await of('&event=enter&standing=true'), [stands])
    })
  })

  describe('SOS', () => {
    const driver = { role: 'driver' as const, devices: ['truck-1'] }
    const trigger = (id: string) =>
      platform.call('POST', '/api/v1/devices/truck-1/sos', {
        caller: driver,
        body: { action: 'trigger', id, timestamp: T0, message: 'help' },
      })
    const open = async () => (await platform.call('GET', '/api/v1/sos', { caller: DISPATCHER })).body.items

    test('from the trigger to the resolution, each step seen', async () => {
      const sent = await trigger('press-1')
      assert.deepEqual([sent.status, sent.body], [202, { status: 'stored' }])
      await trigger('press-1')
      const [alert, ...others] = await open()
      assert.equal(others.length, 0, 'a repeat is the same alert')
      assert.equal(alert.deviceId, 'truck-1')
      assert.equal(alert.state, 'open')
      assert.equal(checkSchema(SosEvent, alert.newest).event, 'triggered')
      assert.equal(alert.newest.message, 'help')

      const url = `/api/v1/sos/${alert.alertId}`
      const acknowledged = await platform.call('POST', `${url}/acknowledge`, {
        caller: DISPATCHER,
        body: { by: 'Ann', note: 'calling' },
      })
      assert.equal(acknowledged.status, 200)
      assert.deepEqual(
        [acknowledged.body.event, acknowledged.body.by, acknowledged.body.note, acknowledged.body.alertId],
        ['acknowledged', 'Ann', 'calling', alert.alertId],
      )
      assert.equal((await open())[0].state, 'acknowledged')

      const resolved = await platform.call('POST', `${url}/resolve`, { caller: DISPATCHER })
      assert.deepEqual([resolved.status, resolved.body.event, resolved.body.by], [200, 'resolved', 'dispatcher-1'])
      assert.deepEqual(await open(), [])
      const closed = await platform.call('GET', '/api/v1/sos?state=closed', { caller: DISPATCHER })
      assert.deepEqual([closed.body.items[0].state, typeof closed.body.items[0].closedAt], ['resolved', 'number'])

      const { body } = await platform.call('GET', url, { caller: driver })
      assert.equal(body.alert.state, 'resolved')
      assert.deepEqual(
        body.timeline.map(({ event, principal }: { event: SosEvent; principal: string }) => [event.event, principal]),
        [
          ['triggered', 'driver-1'],
          ['acknowledged', 'dispatcher-1'],
          ['resolved', 'dispatcher-1'],
        ],
      )
    })

    test('a closed alert takes no more answers', async () => {
      await trigger('press-2')
      const { alertId } = (await open())[0]
      await platform.call('POST', `/api/v1/sos/${alertId}/resolve`, { caller: DISPATCHER, body: {} })
      const again = await platform.call('POST', `/api/v1/sos/${alertId}/acknowledge`, { caller: DISPATCHER, body: {} })
      assert.deepEqual([again.status, again.body.code], [409, 'alert_closed'])
    })

    test('the sender cancels', async () => {
      await trigger('press-3')
      const body = { action: 'cancel', id: 'press-3', timestamp: T0 + 1 }
      const answer = await platform.call('POST', '/api/v1/devices/truck-1/sos', { caller: driver, body })
      assert.equal(answer.status, 202)
      assert.deepEqual(await open(), [])
    })

    test('an alert that does not exist, or that one may not see, is unknown', async () => {
      await trigger('press-4')
      const { alertId } = (await open())[0]
      const stranger = { role: 'user' as const, devices: ['truck-2'] }
      assert.equal(
        (await platform.call('GET', `/api/v1/sos/${alertId}`, { caller: stranger })).body.code,
        'alert_unknown',
      )
      assert.deepEqual((await platform.call('GET', '/api/v1/sos', { caller: stranger })).body.items, [])
      const other = { role: 'admin' as const, org: 'other' }
      assert.equal((await platform.call('GET', `/api/v1/sos/${alertId}`, { caller: other })).body.code, 'alert_unknown')
      const answer = await platform.call('POST', `/api/v1/sos/${alertId}/resolve`, { caller: other, body: {} })
      assert.deepEqual([answer.status, answer.body.code], [404, 'alert_unknown'])
    })

    test('alerts are paged, newest first', async () => {
      const all = (await platform.call('GET', '/api/v1/sos?state=all', { caller: ADMIN })).body.items
      assert.ok(all.length >= 4)
      const seen: string[] = []
      for (let cursor = ''; ; ) {
        const { body } = await platform.call('GET', `/api/v1/sos?state=all&limit=1${cursor}`, { caller: ADMIN })
        seen.push(...body.items.map(({ alertId }: SosEvent) => alertId))
        if (body.next === null) break
        cursor = `&cursor=${body.next}`
      }
      assert.deepEqual(
        seen,
        all.map(({ alertId }: SosEvent) => alertId),
      )
    })
  })
}
