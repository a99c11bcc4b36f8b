import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstFixCommand } from '../../web-client/dashboard/src/panels/first-fix-command.ts'

const HERE = { hostname: 'track.example', origin: 'https://track.example:8443' }

const cases: [string, number | null | undefined, RegExp][] = [
  ['publishes to the port the platform told', 41_883, /mosquitto_pub -h track\.example -p 41883 /],
  ['publishes to the usual port while nothing is known', undefined, /mosquitto_pub -h track\.example -p 1883 /],
  ['posts it where MQTT is off', null, /curl https:\/\/track\.example:8443\/api\/tracking\/location /],
]
for (const [name, port, expected] of cases) {
  test(`the first fix ${name}`, () => assert.match(firstFixCommand('demo', HERE, port), expected))
}
