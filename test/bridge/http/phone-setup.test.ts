import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ADMIN, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const URL_OF = '/api/v1/devices/phone-1/phone-setup'

describe('the settings of apps on phones', () => {
  let platform: HttpPlatform
  before(async () => {
    platform = await startHttpPlatform({ mqttPort: () => 1_883, mqttsPort: () => 8_883, osmandByIdAlone: true })
    await platform.call('POST', '/api/v1/devices', { caller: ADMIN, body: { id: 'phone-1' } })
  })
  after(() => platform.close())

  const inlineOf = (url: string) =>
    JSON.parse(Buffer.from(new URL(url).searchParams.get('inline')!, 'base64').toString())

  test('a file for MQTT and for HTTP, with a token of the device that sees its friends and nobody else', async () => {
    const body = { friends: ['van-1'], address: 'https://track.example.org' }
    const { status, body: setup } = await platform.call('POST', URL_OF, { caller: ADMIN, body })
    assert.equal(status, 201)
    const { token, ownTracks, traccarClient, osmand } = setup
    const principal = await platform.tokens.verify(token)
    assert.deepEqual([principal.org, principal.sub, principal.role], ['demo', 'phone-1', 'device'])
    assert.deepEqual(principal.acl, [{ permission: 'allow', action: 'subscribe', topic: 'demo/devices/van-1/last' }])
    const { configuration: mqtt } = ownTracks.mqtt
    assert.deepEqual(
      [mqtt._type, mqtt.mode, mqtt.host, mqtt.port, mqtt.tls, mqtt.password, mqtt.deviceId, mqtt.pubTopicBase],
      ['configuration', 0, 'track.example.org', 8_883, true, token, 'phone-1', 'owntracks/demo/phone-1'],
    )
    const { configuration: http } = ownTracks.http
    assert.deepEqual([http.mode, http.url, http.password], [3, 'https://track.example.org/owntracks', token])
    for (const one of [ownTracks.mqtt, ownTracks.http]) {
      assert.deepEqual(inlineOf(one.url), one.configuration)
      assert.match(one.qrSvg, /^<svg /)
    }
    assert.deepEqual(
      [traccarClient.serverUrl, traccarClient.deviceIdentifier, traccarClient.url],
      ['https://track.example.org/osmand', 'phone-1', 'https://track.example.org/osmand?id=phone-1'],
    )
    assert.equal(new URL(osmand.webAddress).searchParams.get('lat'), '{0}')
  })

  test('as a file, and what is written down of it holds no token', async () => {
    const file = await platform.call('POST', `${URL_OF}?file=mqtt`, { caller: ADMIN, body: {} })
    assert.equal(file.headers['content-disposition'], 'attachment; filename="phone-1.otrc"')
    const { host, password } = JSON.parse(file.body)
    assert.equal(host, 'localhost')
    const { body } = await platform.call('GET', '/api/v1/admin/audit?action=device.phone-setup', { caller: ADMIN })
    assert.deepEqual([body.items.length, body.items[0].target], [2, 'phone-1'])
    assert.ok(!JSON.stringify(body).includes(password) && !platform.log.join('').includes(password))
  })

  test('for administrators alone, of their own organisation; fifty friends are too long for a QR code, more are refused', async () => {
    const ask = (caller: object, body: object, url = URL_OF) =>
      platform.call('POST', url, { caller: caller as typeof ADMIN, body })
    for (const role of ['dispatcher', 'user', 'driver', 'device', 'service']) {
      assert.equal((await ask({ role, sub: 'phone-1' }, {})).status, 403, role)
    }
    assert.equal((await ask({ role: 'admin', org: 'other' }, {})).status, 404)
    const friends = Array.from({ length: 50 }, (_, i) => `a-device-with-a-long-name-${i}`)
    const { body } = await ask(ADMIN, { friends })
    assert.deepEqual([body.ownTracks.http.qrSvg, typeof body.ownTracks.http.url], [null, 'string'])
    assert.equal((await ask(ADMIN, { friends: [...friends, 'one-more'] })).status, 400)
    for (const address of ['track.example.org', 'https://a/b', 'https://user:pw@a', 'javascript:x'])
      assert.equal((await ask(ADMIN, { address })).status, 400, address)
  })

  test('the claim page is told the same', async () => {
    const { body: made } = await platform.call('POST', '/api/v1/devices/phone-1/claim-codes', {
      caller: ADMIN,
      body: {},
    })
    const { body } = await platform.call('POST', '/api/v1/claims', { body: { code: made.code } })
    assert.equal(body.apps.ownTracks.mqtt.configuration.password, body.token)
    assert.deepEqual(inlineOf(body.apps.ownTracks.http.url), body.apps.ownTracks.http.configuration)
    assert.equal(body.apps.traccarClient.deviceIdentifier, 'phone-1')
  })
})
