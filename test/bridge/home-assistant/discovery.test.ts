import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  attributesOf,
  availabilityOf,
  nodeIdOf,
  sensorConfig,
  trackerConfig,
} from '../../../bridge/home-assistant/discovery.ts'
import { ID_PATTERN } from '../../../contract/index.ts'

const DEVICE = { org: 'demo', deviceId: 'truck.7', name: 'Blue truck' }

test('a tracker as Home Assistant’s documentation has it', () => {
  const { topic, payload } = trackerConfig(DEVICE, '1.2.3')
  assert.equal(topic, 'demo/homeassistant/device_tracker/truck_2E7/config')
  assert.deepEqual(JSON.parse(payload), {
    unique_id: 'trackwire_demo_truck_2E7',
    name: null,
    source_type: 'gps',
    json_attributes_topic: 'demo/homeassistant/truck_2E7/attributes',
    availability_topic: 'demo/homeassistant/truck_2E7/availability',
    device: { identifiers: ['trackwire_demo_truck_2E7'], name: 'Blue truck', manufacturer: 'Trackwire' },
    origin: { name: 'Trackwire', sw_version: '1.2.3' },
  })
})

test('a sensor reads its attribute', () => {
  const { topic, payload } = sensorConfig(DEVICE, 'battery', '1.2.3')
  const config = JSON.parse(payload) as Record<string, unknown>
  assert.equal(topic, 'demo/homeassistant/sensor/truck_2E7/battery/config')
  assert.equal(config.state_topic, 'demo/homeassistant/truck_2E7/attributes')
  assert.equal(config.value_template, '{{ value_json.battery_level | default(none) }}')
  assert.equal(config.unique_id, 'trackwire_demo_truck_2E7_battery')
})

test('positions in Home Assistant’s names; what is not known is left out', () => {
  const timestamp = Date.UTC(2024, 10, 20)
  assert.deepEqual(attributesOf({ timestamp, location: { lat: 1, lng: 2 } }, undefined), {
    latitude: 1,
    longitude: 2,
    last_seen: '2024-11-20T00:00:00.000Z',
  })
  const location = { lat: 1, lng: 2, accuracy: 6, speed: 3, heading: 4, altitude: 5 }
  assert.deepEqual(attributesOf({ timestamp, location, metadata: { battery: 80 } }, 70), {
    latitude: 1,
    longitude: 2,
    gps_accuracy: 6,
    altitude: 5,
    course: 4,
    speed: 3,
    battery_level: 80,
    last_seen: '2024-11-20T00:00:00.000Z',
  })
})

test('only who says that it is gone is not available', () => {
  assert.equal(availabilityOf(undefined), 'online')
  assert.equal(availabilityOf({ state: 'idle' }), 'online')
  assert.equal(availabilityOf({ state: 'offline' }), 'offline')
})

test('ids fit Home Assistant’s topics and ours, and no two devices meet', () => {
  const deviceId = fc.stringMatching(ID_PATTERN)
  fc.assert(
    fc.property(deviceId, deviceId, (one, other) => {
      assert.match(nodeIdOf(one), /^[A-Za-z0-9_-]{1,64}$/)
      assert.equal(nodeIdOf(one) === nodeIdOf(other), one === other)
    }),
    { numRuns: 1_000 },
  )
  assert.equal(nodeIdOf('.'.repeat(64)).length, 64)
})
