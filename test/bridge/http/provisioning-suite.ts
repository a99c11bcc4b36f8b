import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { HttpAppOptions } from '../../../bridge/index.ts'
import { ADMIN, fixAt, GATEWAY, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const CSV = { 'content-type': 'text/csv' }

/** The same on both databases. */
export function provisioningSuite(databaseUrl?: string): void {
  describe('provisioning', () => {
    let platform: HttpPlatform
    const revoked: string[] = []
    const options: Partial<HttpAppOptions> = {
      mqttPort: () => 1_883,
      mqttsPort: () => 8_883,
      revokeDeviceTokens: async (_tx, { org, sub }) => void revoked.push(`${org}/${sub}`),
    }
    before(async () => {
      platform = await startHttpPlatform(options, databaseUrl)
    })
    after(() => platform.close())

    const it = (sentence: string, body: (platform: HttpPlatform, org: string) => Promise<void>) => {
      test(sentence, () => body(platform, `org-${++orgs}`))
    }
    let orgs = 0

    const admin = (org: string) => ({ ...ADMIN, org })
    const importCsv = (org: string, body: string, query = '', headers: Record<string, string> = {}) =>
      platform.call('POST', `/api/v1/devices/import${query}`, {
        caller: admin(org),
        body: Buffer.from(body),
        headers: { ...CSV, ...headers },
      })

    it('a list registers devices, changes what it says of them, and leaves the rest', async ({ call }, org) => {
      await call('POST', '/api/v1/devices', { caller: admin(org), body: { id: 'a', name: 'A', groups: ['vans'] } })
      await call('POST', '/api/v1/devices', { caller: admin(org), body: { id: 'b', name: 'B', groups: ['vans'] } })
      const list = 'id,name,groups\na,,\nb,Bee,\nc,Cee,vans;north\n'
      const planned = await importCsv(org, list, '?dryRun=true')
      assert.deepEqual(planned.body, { dryRun: true, created: ['c'], updated: ['b'], unchanged: ['a'], errors: [] })
      assert.equal((await call('GET', '/api/v1/devices/c', { caller: admin(org) })).status, 404, 'nothing was done')
      const done = await importCsv(org, list)
      assert.deepEqual(done.body, { ...planned.body, dryRun: false })
      const { body } = await call('GET', '/api/v1/devices', { caller: admin(org) })
      assert.deepEqual(
        body.items.map(({ id, name, groups }: { id: string; name: string; groups: string[] }) => [id, name, groups]),
        [
          ['a', 'A', ['vans']],
          ['b', 'Bee', ['vans']],
          ['c', 'Cee', ['vans', 'north']],
        ],
      )
      assert.deepEqual((await importCsv(org, list)).body.unchanged, ['a', 'b', 'c'])
    })

    it('what a list does to groups counts for tokens that are out once it is answered', async ({ call }, org) => {
      await call('POST', '/api/v1/users', { caller: admin(org), body: { id: 'ann', role: 'user', groups: ['vans'] } })
      const seen = async () => {
        const { body } = await call('GET', '/api/v1/devices', { caller: { role: 'user', sub: 'ann', org } })
        return body.items.map(({ id }: { id: string }) => id)
      }
      assert.deepEqual(await seen(), [])
      await importCsv(org, 'id,name,groups\na,,vans\nb,,north\n')
      assert.deepEqual(await seen(), ['a'])
      await importCsv(org, 'id,name,groups\na,,north\nb,,vans\n')
      assert.deepEqual(await seen(), ['b'])
    })

    it('what a list does to groups is a change of rights, of those alone whose groups became others', async ({
      call,
      db,
    }, org) => {
      await call('POST', '/api/v1/devices', { caller: admin(org), body: { id: 'a', groups: ['vans'] } })
      await call('POST', '/api/v1/devices', { caller: admin(org), body: { id: 'b', groups: ['vans'] } })
      const changes = () => db.query<{ id: string }>('select id from rights_changes where org = $1 order by seq', [org])
      const before = (await changes()).length
      await importCsv(org, 'id,name,groups\na,A,vans\nb,,north\nc,,vans\nd,,\n')
      assert.deepEqual(
        (await changes())
          .slice(before)
          .map(({ id }) => id)
          .sort(),
        ['b', 'c'],
      )
    })

    it('devices of a list send at once, and a group that was changed counts', async ({ call, ingest }, org) => {
      await importCsv(org, 'id,groups\na,vans\n')
      assert.ok(ingest.deviceExists(org, 'a'))
      const body = { ...fixAt(1_700_000_000_000), deviceId: 'a' }
      assert.equal((await call('POST', '/api/tracking/location', { caller: { ...GATEWAY, org }, body })).status, 202)
      const list = [{ id: 'a', groups: [] }]
      const done = await call('POST', '/api/v1/devices/import', { caller: admin(org), body: list })
      assert.deepEqual(done.body.updated, ['a'])
      const { body: device } = await call('GET', '/api/v1/devices/a', { caller: admin(org) })
      assert.deepEqual(device.groups, [])
    })

    it('one wrong line, and nothing is imported; partial leaves it out', async ({ call }, org) => {
      const list = 'id,name,groups\ngood,,\nnot good,,\n'
      const refused = await importCsv(org, list)
      assert.equal(refused.status, 422)
      assert.equal(refused.body.code, 'import_invalid')
      assert.equal(refused.body.errorCount, 1)
      assert.deepEqual(refused.body.errors, [
        {
          line: 3,
          column: 'id',
          code: 'payload_invalid',
          message: 'line 3, id: "not good" is not 1 to 64 of A-Z a-z 0-9 . _ : -',
        },
      ])
      assert.equal((await call('GET', '/api/v1/devices/good', { caller: admin(org) })).status, 404)
      const partial = await importCsv(org, list, '?partial=true')
      assert.deepEqual(partial.body.created, ['good'])
      assert.equal(partial.body.errors.length, 1)
    })

    it('10,000 devices at once', async (_, org) => {
      const lines = Array.from({ length: 10_000 }, (__, i) => `d-${i},Device ${i},g-${i % 50}`)
      const done = await importCsv(org, `id,name,groups\n${lines.join('\n')}`)
      assert.equal(done.body.created.length, 10_000, JSON.stringify(done.body).slice(0, 500))
      const again = await importCsv(org, `id,name,groups\n${lines.join('\n')}`)
      assert.equal(again.body.unchanged.length, 10_000)
    })

    it('tokens of the new devices, as JSON or as a file, and of no others', async ({ call, tokens }, org) => {
      await call('POST', '/api/v1/devices', { caller: admin(org), body: { id: 'old' } })
      const { body } = await importCsv(org, 'id\nold\nnew\n', '?tokens=true')
      assert.deepEqual(
        body.tokens.map(({ id }: { id: string }) => id),
        ['new'],
      )
      const principal = await tokens.verify(body.tokens[0].token)
      assert.deepEqual([principal.org, principal.sub, principal.role], [org, 'new', 'device'])
      const file = await importCsv(org, 'id\nnewer\n', '?tokens=true', { accept: 'text/csv' })
      assert.match(String(file.headers['content-disposition']), /attachment; filename="device-tokens.csv"/)
      assert.match(file.body, /^id,token\r\nnewer,eyJ[^\r\n]+\r\n$/)
    })

    it('CSV is read by this route alone', async ({ call }, org) => {
      const answer = await call('POST', '/api/v1/devices', { caller: admin(org), body: 'id\nx', headers: CSV })
      assert.equal(answer.body.code, 'media_type_unsupported')
      const text = await call('POST', '/api/v1/devices/import', {
        caller: admin(org),
        body: 'id\nx',
        headers: { 'content-type': 'text/plain' },
      })
      assert.equal(text.body.code, 'media_type_unsupported')
    })

    // A claim

    const codeOf = async (org: string, id: string, body: object = {}) => {
      await platform.call('POST', '/api/v1/devices', { caller: admin(org), body: { id } })
      const made = await platform.call('POST', `/api/v1/devices/${id}/claim-codes`, { caller: admin(org), body })
      assert.equal(made.status, 201, JSON.stringify(made.body))
      return made.body as { id: number; code: string; url: string; qrSvg: string; expiresAt: number }
    }
    const claim = (code: string, remoteAddress = '127.0.0.1') =>
      platform.app.inject({ method: 'POST', url: '/api/v1/claims', payload: { code }, remoteAddress })

    it('a code becomes the credentials of its device, once', async ({ tokens, db, call, log }, org) => {
      const made = await codeOf(org, 'truck-7')
      assert.match(made.qrSvg, /^<svg /)
      assert.equal(new URL(made.url).hash, `#${made.code}`)
      assert.equal(new URL(made.url).pathname, '/claim')
      const first = await claim(made.code.toLowerCase().replaceAll('-', ' '))
      assert.equal(first.statusCode, 200, first.body)
      const { token, mqtt, http, deviceId } = first.json()
      const principal = await tokens.verify(token)
      assert.deepEqual([principal.org, principal.sub, principal.role], [org, 'truck-7', 'device'])
      assert.equal(deviceId, 'truck-7')
      assert.deepEqual(mqtt, {
        host: 'localhost',
        port: 8_883,
        tls: true,
        clientId: 'truck-7',
        username: 'truck-7',
        topics: {
          location: `${org}/devices/truck-7/location`,
          locationBatch: `${org}/devices/truck-7/location/batch`,
          status: `${org}/devices/truck-7/status`,
          sos: `${org}/devices/truck-7/sos`,
          errors: `${org}/users/truck-7/errors`,
        },
      })
      assert.match(http.location, /^http:\/\/localhost(:80)?\/api\/tracking\/location$/)
      const again = await claim(made.code)
      assert.equal(again.statusCode, 410)
      assert.equal(again.json().code, 'claim_code_used')
      const { body } = await call('GET', '/api/v1/devices/truck-7/claim-codes', { caller: admin(org) })
      assert.equal(body.items[0].state, 'claimed')
      assert.equal(body.items[0].claimedFrom, '127.0.0.1')
      const stored = await db.query('select * from claim_codes where org = $1', [org])
      const letters = made.code.replaceAll('-', '')
      for (const text of [JSON.stringify(stored), JSON.stringify(body), log.join('')]) {
        assert.ok(!text.includes(made.code) && !text.includes(letters), 'the code is nowhere but where it was shown')
      }
    })

    it('two claims of one code at one time: one gets the credentials', async (_, org) => {
      const { code } = await codeOf(org, 'truck-7')
      const answers = await Promise.all([claim(code), claim(code), claim(code)])
      assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [200, 410, 410])
    })

    it('an expired code, a cancelled code, a code that never was', async ({ db, call }, org) => {
      const expired = await codeOf(org, 'truck-7')
      await db.query('update claim_codes set expires_at = 1 where org = $1', [org])
      assert.equal((await claim(expired.code, '192.0.2.1')).json().code, 'claim_code_expired')
      const cancelled = await codeOf(org, 'truck-8')
      const url = `/api/v1/devices/truck-8/claim-codes/${cancelled.id}`
      assert.equal((await call('DELETE', url, { caller: admin('other') })).status, 404)
      assert.equal((await call('DELETE', url, { caller: admin(org) })).status, 204)
      assert.equal((await call('DELETE', url, { caller: admin(org) })).status, 404)
      assert.equal((await claim(cancelled.code, '192.0.2.1')).json().code, 'claim_code_used')
      assert.equal((await claim('0000-0000-0000', '192.0.2.1')).json().code, 'claim_code_wrong')
    })

    it('a code lives a day unless it is said otherwise, and 90 at the most', async ({ call }, org) => {
      const dayMs = 86_400_000
      const { expiresAt } = await codeOf(org, 'truck-7')
      assert.ok(Math.abs(expiresAt - Date.now() - dayMs) < 60_000)
      const body = { expiresInSeconds: 91 * 86_400 }
      const long = await call('POST', '/api/v1/devices/truck-7/claim-codes', { caller: admin(org), body })
      assert.equal(long.status, 400)
      const none = await call('POST', '/api/v1/devices/nobody/claim-codes', { caller: admin(org), body: {} })
      assert.equal(none.body.code, 'device_unknown')
    })

    it('guessing is slowed for the address that guesses, and for no other', async (_, org) => {
      const { code } = await codeOf(org, 'truck-7')
      const statuses: number[] = []
      for (let i = 0; i < 8; i++) statuses.push((await claim('0000-0000-0000', '198.51.100.7')).statusCode)
      assert.deepEqual(statuses, [404, 404, 404, 404, 404, 429, 429, 429])
      const waits = await claim(code, '198.51.100.7')
      assert.equal(waits.json().code, 'too_many_attempts')
      assert.ok(Number(waits.headers['retry-after']) >= 1)
      const sameNetwork: number[] = []
      for (let i = 0; i < 8; i++) sameNetwork.push((await claim('0000-0000-0000', `2001:db8:1:2::${i + 1}`)).statusCode)
      assert.equal(sameNetwork.at(-1), 429, 'a /64 is one guesser')
      assert.equal((await claim(code, '198.51.100.8')).statusCode, 200)
    })

    it('codes for many: by id and group, as JSON, CSV and a page to print', async ({ call }, org) => {
      await importCsv(org, 'id,name,groups\na,"<b>Ann\'s</b>",vans\nb,,vans\nc,,\nd,,\n')
      const body = { devices: ['c'], groups: ['vans'] }
      const ask = (accept: string, wish: object = body) =>
        call('POST', '/api/v1/claim-codes', { caller: admin(org), body: wish, headers: { accept } })
      const json = await ask('application/json')
      assert.deepEqual(
        json.body.items.map(({ deviceId }: { deviceId: string }) => deviceId),
        ['a', 'b', 'c'],
      )
      assert.equal((await claim(json.body.items[1].code, '203.0.113.1')).json().deviceId, 'b')
      const csv = await ask('text/csv')
      assert.match(csv.body, /^id,code,url,expires\r\na,\S{14},http:\/\/localhost\S*\/claim#\S{14},\d{4}-/)
      const page = await ask('text/html')
      assert.match(String(page.headers['content-security-policy']), /^default-src 'none'; style-src 'unsafe-inline'/)
      assert.equal(page.body.match(/<li>/g).length, 3)
      assert.ok(page.body.includes('&lt;b&gt;Ann&#39;s&lt;/b&gt;') && !page.body.includes('<b>Ann'))
      assert.equal((await ask('application/json', { devices: ['nobody'] })).body.code, 'device_unknown')
      assert.equal((await ask('application/json', { groups: ['empty'] })).body.code, 'payload_invalid')
      assert.equal((await ask('application/json', {})).body.code, 'payload_invalid')
    })

    it('claiming ends the earlier tokens of the device when it was asked for, and not otherwise', async (_, org) => {
      const plain = await codeOf(org, 'a')
      const ending = await codeOf(org, 'b', { revokeEarlier: true })
      for (const { code } of [plain, ending]) assert.equal((await claim(code, '203.0.113.3')).statusCode, 200)
      assert.deepEqual(
        revoked.filter(device => device.startsWith(`${org}/`)),
        [`${org}/b`],
      )
    })

    it('a token of the claim is as long-lived as a registration’s', async (_, org) => {
      const { code } = await codeOf(org, 'truck-7')
      const { exp = 0 } = decodeJwt((await claim(code, '203.0.113.2')).json().token)
      assert.ok(exp * 1_000 - Date.now() > 9 * 365 * 86_400_000)
    })

    // The inbox

    const gateway = (org: string) => ({ ...GATEWAY, org, sub: 'gateway-1' })
    const send = (org: string, deviceId: string, timestamp: number, more: object = {}) =>
      platform.call('POST', '/api/tracking/location', {
        caller: gateway(org),
        body: { ...fixAt(timestamp), ...more, deviceId },
      })
    const inbox = async (org: string, query = '') =>
      (await platform.call('GET', `/api/v1/devices/inbox${query}`, { caller: admin(org) })).body
    const T0 = 1_700_000_000_000

    it('what a gateway sends for a device that nobody knows is refused, told, and waits to be adopted', async ({
      call,
    }, org) => {
      const refused = await send(org, 'stray', T0, { attributes: { ignition: true } })
      assert.equal(refused.status, 404)
      assert.equal(refused.body.code, 'device_unknown')
      assert.match(refused.body.detail, /adopt it from the inbox/)
      await send(org, 'stray', T0 + 1_000)
      const { items } = await inbox(org)
      assert.equal(items.length, 1)
      const [{ lastMessage, firstSeen, lastSeen, ...rest }] = items
      assert.deepEqual(rest, {
        id: 'stray',
        state: 'waiting',
        count: 2,
        channel: 'location',
        keptFixes: 2,
        from: { sub: 'gateway-1', role: 'service', address: '127.0.0.1' },
      })
      assert.equal(lastMessage.timestamp, T0 + 1_000)
      assert.ok(firstSeen <= lastSeen && Math.abs(lastSeen - Date.now()) < 60_000)
      assert.deepEqual((await inbox('another-org')).items, [], 'organisations do not see each other’s')

      const adopted = await call('POST', '/api/v1/devices/inbox/stray/adopt', {
        caller: admin(org),
        body: { name: 'Stray', groups: ['vans'] },
      })
      assert.equal(adopted.status, 201, JSON.stringify(adopted.body))
      assert.equal(adopted.body.storedFixes, 2)
      assert.deepEqual(adopted.body.device.groups, ['vans'])
      assert.equal(adopted.body.device.last.timestamp, T0 + 1_000)
      assert.match(adopted.body.token, /^eyJ/)
      const history = await call('GET', '/api/v1/devices/stray/history', { caller: admin(org) })
      assert.deepEqual(
        history.body.items.map(({ timestamp }: { timestamp: number }) => timestamp),
        [T0, T0 + 1_000],
      )
      assert.deepEqual((await inbox(org)).items, [])
      assert.equal((await send(org, 'stray', T0 + 2_000)).status, 202)
      const again = await call('POST', '/api/v1/devices/inbox/stray/adopt', { caller: admin(org), body: {} })
      assert.equal(again.status, 404)
    })

    it('who may see the groups of an adopted device sees it once that is answered', async ({ call }, org) => {
      const ben = { id: 'ben', role: 'user', groups: ['vans'] }
      assert.equal((await call('POST', '/api/v1/users', { caller: admin(org), body: ben })).status, 201)
      const seen = async () => {
        const { body } = await call('GET', '/api/v1/devices', { caller: { role: 'user', sub: 'ben', org } })
        return body.items.map(({ id }: { id: string }) => id)
      }
      assert.deepEqual(await seen(), [])
      for (const [id, group] of Object.entries({ stray: 'vans', other: 'north' })) {
        await send(org, id, T0)
        await call('POST', `/api/v1/devices/inbox/${id}/adopt`, { caller: admin(org), body: { groups: [group] } })
      }
      assert.deepEqual(await seen(), ['stray'])
    })

    it('registering it in any other way takes in what was heard, too', async ({ call }, org) => {
      await send(org, 'a', T0)
      await send(org, 'b', T0)
      await call('POST', '/api/v1/devices', { caller: admin(org), body: { id: 'a' } })
      await importCsv(org, 'id\nb\n')
      for (const id of ['a', 'b']) {
        const { body } = await call('GET', `/api/v1/devices/${id}/history`, { caller: admin(org) })
        assert.equal(body.items.length, 1, id)
      }
      assert.deepEqual((await inbox(org)).items, [])
    })

    it('the newest 100 fixes are kept, of batches too; a large message is cut', async ({ call }, org) => {
      const fixes = Array.from({ length: 150 }, (_, i) => ({ ...fixAt(T0 + i * 1_000), deviceId: 'stray' }))
      const answer = await call('POST', '/api/tracking/batch', { caller: gateway(org), body: fixes })
      assert.equal(answer.body.code, 'device_unknown')
      await call('POST', '/api/tracking/batch', {
        caller: gateway(org),
        body: [{ ...fixAt(T0 + 500), deviceId: 'stray' }],
      })
      const { items } = await inbox(org)
      assert.equal(items[0].keptFixes, 100)
      await send(org, 'large', T0, { attributes: { text: 'x'.repeat(9_000) } })
      const [large] = (await inbox(org)).items
      assert.equal(large.lastMessage.truncated, true)
      assert.ok(large.lastMessage.bytes > 9_000)
      const { body } = await call('POST', '/api/v1/devices/inbox/stray/adopt', { caller: admin(org), body: {} })
      assert.equal(body.storedFixes, 100)
      const history = await call('GET', '/api/v1/devices/stray/history?limit=1', { caller: admin(org) })
      assert.equal(history.body.items[0].timestamp, T0 + 50_000)
    })

    it('dismissed, it stays away until it was silent for a day; blocked, for good', async ({ call, db }, org) => {
      await send(org, 'quiet', T0)
      await send(org, 'noisy', T0)
      const dismiss = (id: string, query = '') =>
        call('DELETE', `/api/v1/devices/inbox/${id}${query}`, { caller: admin(org) })
      assert.equal((await dismiss('nobody')).status, 404)
      assert.equal((await dismiss('quiet')).status, 204)
      assert.equal((await dismiss('noisy', '?block=true')).status, 204)
      await send(org, 'quiet', T0 + 1_000)
      await send(org, 'noisy', T0 + 1_000)
      assert.deepEqual((await inbox(org)).items, [])
      assert.equal((await inbox(org, '?state=blocked')).items[0].id, 'noisy')
      const [dismissed] = (await inbox(org, '?state=dismissed')).items
      assert.deepEqual([dismissed.id, dismissed.keptFixes, dismissed.count], ['quiet', 0, 2])
      await db.query('update unknown_devices set last_seen = last_seen - 86400000 where org = $1', [org])
      await send(org, 'quiet', T0 + 2_000)
      await send(org, 'noisy', T0 + 2_000)
      const { items } = await inbox(org)
      assert.deepEqual([items.length, items[0].id, items[0].count, items[0].keptFixes], [1, 'quiet', 1, 1])
      const adopted = await call('POST', '/api/v1/devices/inbox/noisy/adopt', { caller: admin(org), body: {} })
      assert.equal(adopted.status, 201, 'blocked is no prison')
    })

    it('1,000 devices wait at the most, the oldest go', async ({ ingest, db }, org) => {
      const heard = (i: number) =>
        ingest.unknownDevices.heard({
          org,
          deviceId: `d-${i}`,
          channel: 'location',
          payload: {},
          fixes: [fixAt(T0)],
          from: { sub: 'gateway-1', role: 'service' },
          receivedAt: T0 + i,
        })
      for (let i = 0; i < 1_010; i++) heard(i)
      await ingest.unknownDevices.flush()
      const rows = await db.query<{ n: number; oldest: number }>(
        'select count(*) as n, min(last_seen) as oldest from unknown_devices where org = $1',
        [org],
      )
      assert.deepEqual(rows, [{ n: 1_000, oldest: T0 + 10 }])
      const page = await inbox(org, '?limit=2')
      assert.deepEqual(
        page.items.map(({ id }: { id: string }) => id),
        ['d-1009', 'd-1008'],
      )
      const next = await inbox(org, `?limit=2&cursor=${page.next}`)
      assert.equal(next.items[0].id, 'd-1007')
    })

    it('an SOS of an unknown device is refused to a gateway, and shows in the inbox', async ({ call }, org) => {
      const sos = { action: 'trigger', id: 's-1', timestamp: T0 }
      const refused = await call('POST', '/api/v1/devices/stray/sos', { caller: gateway(org), body: sos })
      assert.equal(refused.body.code, 'device_unknown')
      assert.equal((await inbox(org)).items[0].channel, 'sos')
    })

    // Certificates

    it('every act is in the audit log, and no code or token with it', async ({ call, db }, org) => {
      await importCsv(org, 'id\na\nb\n')
      const { code, id } = await codeOf(org, 'a')
      await claim(code, '203.0.113.9')
      await call('DELETE', `/api/v1/devices/b/claim-codes/${(await codeOf(org, 'b')).id}`, { caller: admin(org) })
      await send(org, 'x', T0)
      await send(org, 'y', T0)
      await call('POST', '/api/v1/devices/inbox/x/adopt', { caller: admin(org), body: {} })
      await call('DELETE', '/api/v1/devices/inbox/y', { caller: admin(org) })
      await call('DELETE', '/api/v1/devices/inbox/y?block=true', { caller: admin(org) })
      await call('DELETE', `/api/v1/devices/a/certificates/${'0'.repeat(64)}`, { caller: admin(org) })
      const rows = await db.query<{ action: string; actor: string; target: string }>(
        'select action, actor, target, address from audit_log where org = $1 order by seq',
        [org],
      )
      assert.deepEqual(
        rows.map(({ action, actor, target }) => `${actor} ${action} ${target}`),
        [
          'admin-1 device.import 2 devices',
          'admin-1 claim-code.create a',
          'a claim-code.use a',
          'admin-1 claim-code.create b',
          'admin-1 claim-code.cancel b',
          'admin-1 device.adopt x',
          'admin-1 device.dismiss y',
          'admin-1 device.block y',
          'admin-1 certificate.revoke a',
        ],
      )
      assert.ok(id > 0 && !JSON.stringify(rows).includes(code))
    })

    it('a certificate is revoked by its fingerprint, seen or not', async ({ call }, org) => {
      await call('POST', '/api/v1/devices', { caller: admin(org), body: { id: 'truck-7' } })
      const fingerprint = 'ab'.repeat(32)
      const url = '/api/v1/devices/truck-7/certificates'
      assert.deepEqual((await call('GET', url, { caller: admin(org) })).body, { items: [], next: null })
      const shown = fingerprint.toUpperCase().match(/../g)!.join(':')
      assert.equal((await call('DELETE', `${url}/${shown}`, { caller: admin(org) })).status, 204)
      const { items } = (await call('GET', url, { caller: admin(org) })).body
      assert.equal(items[0].fingerprint, fingerprint)
      assert.equal(items[0].revokedBy, 'admin-1')
      assert.equal((await call('DELETE', `${url}/abc`, { caller: admin(org) })).status, 400)
      const other = '/api/v1/devices/nobody/certificates'
      assert.equal((await call('GET', other, { caller: admin(org) })).status, 404)
      assert.equal((await call('DELETE', `${other}/${fingerprint}`, { caller: admin(org) })).status, 404)
    })
  })
}
