import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqtt from 'mqtt'
import type { GeofenceEvent } from '../../contract/index.ts'
import { startTestPlatform } from '../support/platform.ts'
import { SQUARE } from '../support/square-walk.ts'
import { Ear } from '../support/wire.ts'

interface Session {
  readonly accessToken: string
  readonly token: string
}

test('what a browser does: log in, get a socket token, hear a crossing over MQTT on WebSocket', async t => {
  const platform = await startTestPlatform(t)
  const post = async (path: string, body: object, token?: string): Promise<Session> => {
    const headers = {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const response = await fetch(`${platform.httpUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.equal(response.status, 200, await response.clone().text())
    return response.json() as Promise<Session>
  }
  const { accessToken } = await post('/api/v1/auth/login', platform.administrator!)
  const { token } = await post('/api/v1/auth/socket-token', {}, accessToken)
  const client = await mqtt.connectAsync(`${platform.httpUrl.replace('http', 'ws')}/mqtt`, {
    username: 'any',
    password: token,
  })
  t.after(() => {
    client.end(true)
  })
  const ear = new Ear(client)
  await client.subscribeAsync(['demo/notifications/geofence/#', 'demo/fences/+', 'demo/devices/+/location'], { qos: 1 })
  await platform.request('/api/v1/fences', { role: 'dispatcher', sub: 'desk', body: SQUARE })
  await ear.hear('the new fence', ({ topic }) => topic === 'demo/fences/square')

  const timestamp = Date.now() - 1_000
  const update = { deviceId: 'van-1', timestamp, location: { lat: 0.01, lng: 0.01 } }
  const accepted = await platform.request('/api/tracking/location', { role: 'device', sub: 'van-1', body: update })
  assert.equal(accepted.status, 202)
  const seen = await ear.hear<{ timestamp: number }>(
    'the position',
    ({ topic }) => topic === 'demo/devices/van-1/location',
  )
  assert.equal(seen.payload.timestamp, timestamp, 'what came over HTTP is seen by subscribers too')
  const { payload } = await ear.hear<GeofenceEvent>(
    'the crossing',
    ({ topic }) => topic === 'demo/notifications/geofence/enter/van-1',
  )
  assert.deepEqual({ timestamp: payload.timestamp, initial: payload.initial }, { timestamp, initial: true })
})
