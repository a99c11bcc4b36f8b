import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { DeviceEvent, GeofenceEvent, IncidentSettings } from '../../contract/index.ts'
import { MemoryDesk } from '../support/incident-desk.ts'

const SECOND = 1_000
/** What happens at a second: an event by its short name, a sweep of the clock, an answer to the first incident, the rules switched off. */
type Step = readonly [second: number, ...what: string[]]

/** `speed+1` begins the first episode of overspeed, `speed-1` ends it, `speed!+1` takes its begin back, `speed!-1` its end. */
function deviceEvent(name: string, timestamp: number, deviceId = 'truck'): DeviceEvent {
  const [, what, taken, sign, episode] = /^([a-z]+)(!?)([+-])(.+)$/.exec(name)!
  const lasting = what === 'speed' ? ('overspeed' as const) : ('offline' as const)
  const event = lasting === 'offline' && sign === '-' ? 'online' : lasting
  const id = `${deviceId}.${what}${sign}${episode}`
  return {
    id: taken === '' ? id : `${id}.retracted`,
    event,
    phase: taken !== '' ? 'correction' : sign === '+' ? 'begin' : 'end',
    ...(taken === '' ? {} : { retracts: id }),
    episode: `${what}${episode}`,
    deviceId,
    timestamp,
  }
}

function fenceEvent(event: 'enter' | 'exit' | 'dwell', timestamp: number, more: Partial<GeofenceEvent> = {}) {
  const base = { deviceId: 'truck', fenceId: 'yard', fenceName: 'Yard', location: { lat: 1, lng: 1 } }
  return { id: `${event}-${timestamp}`, event, timestamp, ...base, ...more } satisfies GeofenceEvent
}

function play(steps: readonly Step[], settings: IncidentSettings = {}): MemoryDesk {
  const desk = new MemoryDesk(settings)
  for (const [second, ...what] of steps) {
    const nowMs = second * SECOND
    const events: DeviceEvent[] = []
    for (const name of what) {
      if (name === 'sweep') desk.sweep(nowMs)
      else if (name === 'ack') desk.acknowledge([...desk.records.keys()][0]!, nowMs)
      else if (name === 'off') desk.withdraw('rule-off', nowMs)
      else if (name === 'close') desk.close([...desk.records.keys()][0]!, nowMs)
      else {
        // `speed+1@3` is told now and happened at second 3.
        const [short, at] = name.split('@')
        events.push(deviceEvent(short!, at === undefined ? nowMs : Number(at) * SECOND))
      }
    }
    if (events.length > 0) desk.hear(nowMs, ...events)
  }
  return desk
}

const NO_COOLDOWN: IncidentSettings = { cooldownSeconds: { overspeed: 0, offline: 0 } }

const CASES: readonly {
  readonly name: string
  readonly settings?: IncidentSettings
  readonly steps: readonly Step[]
  readonly incidents: readonly string[]
  readonly announced: readonly string[]
}[] = [
  {
    name: 'a begin opens it, the end closes it',
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
    ],
    incidents: ['overspeed closed (ended) ×1'],
    announced: ['speed+1', 'speed-1'],
  },
  {
    name: 'the same event again changes nothing',
    steps: [
      [1, 'speed+1'],
      [2, 'speed+1@1'],
    ],
    incidents: ['overspeed open ×1'],
    announced: ['speed+1', 'speed+1'],
  },
  {
    name: 'an acknowledged one is closed by the end of its condition',
    steps: [
      [1, 'off+1'],
      [2, 'ack'],
      [9, 'off-1'],
    ],
    incidents: ['offline closed (ended) ×1'],
    announced: ['off+1', 'off-1'],
  },
  {
    name: 'one that begins again within the cooldown is the same, without news',
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
      [30, 'speed+2'],
      [32, 'speed-2'],
    ],
    incidents: ['overspeed closed (ended) ×2'],
    announced: ['speed+1', 'speed-1'],
  },
  {
    name: 'one that begins again within the cooldown and then lasts as long as it is news after all',
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
      [30, 'speed+2'],
      [89, 'sweep'],
      [90, 'sweep'],
      [200, 'speed-2'],
    ],
    incidents: ['overspeed closed (ended) ×2'],
    announced: ['speed+1', 'speed-1', 'speed+2', 'speed-2'],
  },
  {
    name: 'one that begins after the cooldown is another one',
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
      [66, 'speed+2'],
    ],
    incidents: ['overspeed closed (ended) ×1', 'overspeed open ×1'],
    announced: ['speed+1', 'speed-1', 'speed+2'],
  },
  {
    name: 'without a cooldown every begin is another one',
    settings: NO_COOLDOWN,
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
      [6, 'speed+2'],
    ],
    incidents: ['overspeed closed (ended) ×1', 'overspeed open ×1'],
    announced: ['speed+1', 'speed-1', 'speed+2'],
  },
  {
    name: 'an acknowledgement outlasts flapping',
    steps: [
      [1, 'off+1'],
      [2, 'ack'],
      [9, 'off-1'],
      [20, 'off+2'],
    ],
    incidents: ['offline acknowledged ×2'],
    announced: ['off+1', 'off-1'],
  },
  {
    name: 'what lasts less than the minimum is never shown',
    settings: { minSeconds: { overspeed: 10 } },
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
      [20, 'sweep'],
    ],
    incidents: [],
    announced: [],
  },
  {
    name: 'what lasts the minimum is announced then, by the clock',
    settings: { minSeconds: { overspeed: 10 } },
    steps: [
      [1, 'speed+1'],
      [10, 'sweep'],
      [11, 'sweep'],
      [30, 'speed-1'],
    ],
    incidents: ['overspeed closed (ended) ×1'],
    announced: ['speed+1', 'speed-1'],
  },
  {
    name: 'what lasted the minimum and is over before the clock looked is announced in order',
    settings: { minSeconds: { overspeed: 10 } },
    steps: [
      [1, 'speed+1'],
      [15, 'speed-1'],
    ],
    incidents: ['overspeed closed (ended) ×1'],
    announced: ['speed+1', 'speed-1'],
  },
  {
    name: 'what lasted the minimum long ago is announced at once',
    settings: { minSeconds: { overspeed: 10 } },
    steps: [[1_000, 'speed+1@1', 'speed-1@30']],
    incidents: ['overspeed closed (ended) ×1'],
    announced: ['speed+1', 'speed-1'],
  },
  {
    name: 'a begin that is taken back takes its incident back',
    steps: [
      [1, 'speed+1'],
      [2, 'speed!+1'],
    ],
    incidents: ['overspeed closed (retracted) ×0'],
    announced: ['speed+1', 'speed!+1'],
  },
  {
    name: 'a begin that is taken back after its end',
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
      [6, 'speed!+1', 'speed!-1'],
    ],
    incidents: ['overspeed closed (retracted) ×0'],
    announced: ['speed+1', 'speed-1', 'speed!+1', 'speed!-1'],
  },
  {
    name: 'a begin that is told anew within one transaction stays one incident, also without cooldown',
    settings: NO_COOLDOWN,
    steps: [
      [5, 'speed+1@5'],
      [6, 'speed!+1@5', 'speed+2@3'],
    ],
    incidents: ['overspeed open ×1'],
    announced: ['speed+1', 'speed!+1', 'speed+2'],
  },
  {
    name: 'an end that is taken back: it lasts on',
    steps: [
      [1, 'speed+1'],
      [5, 'speed-1'],
      [6, 'speed!-1'],
    ],
    incidents: ['overspeed open ×1'],
    announced: ['speed+1', 'speed-1', 'speed!-1'],
  },
  {
    name: 'the second of two begins is taken back: the first one stands',
    steps: [
      [1, 'off+1'],
      [5, 'off-1'],
      [9, 'off+2'],
      [10, 'off!+2'],
    ],
    incidents: ['offline closed (ended) ×1'],
    // Nobody heard of the second one, so nobody is told that it was nothing.
    announced: ['off+1', 'off-1'],
  },
  {
    name: 'closed by hand it stays closed while its condition lasts',
    steps: [
      [1, 'speed+1'],
      [5, 'close'],
      [9, 'speed-1'],
    ],
    incidents: ['overspeed closed (by-hand) ×1'],
    announced: ['speed+1', 'speed-1'],
  },
  {
    name: 'its rule is switched off: closed at once, whatever is told of it later',
    steps: [
      [1, 'speed+1'],
      [2, 'ack'],
      [5, 'off'],
      [6, 'off'],
      [9, 'speed-1'],
    ],
    incidents: ['overspeed closed (rule-off) ×1'],
    announced: ['speed+1', 'speed-1'],
  },
  {
    name: 'what begins after its rule was switched off and on is another one, cooldown or not',
    steps: [
      [1, 'off+1'],
      [5, 'off'],
      [9, 'off+2'],
    ],
    incidents: ['offline closed (rule-off) ×1', 'offline open ×1'],
    announced: ['off+1', 'off+2'],
  },
  {
    name: 'the end that came after its rule was switched off is taken back: it stays closed',
    steps: [
      [1, 'speed+1'],
      [5, 'off'],
      [9, 'speed-1'],
      [10, 'speed!-1'],
    ],
    incidents: ['overspeed closed (rule-off) ×1'],
    announced: ['speed+1', 'speed-1', 'speed!-1'],
  },
  {
    name: 'the begin of one whose rule was switched off is taken back: there was nothing',
    steps: [
      [1, 'speed+1'],
      [5, 'off'],
      [9, 'speed!+1'],
    ],
    incidents: ['overspeed closed (retracted) ×0'],
    announced: ['speed+1', 'speed!+1'],
  },
  {
    name: 'not yet shown, it is never told, neither by the clock nor by its end',
    settings: { minSeconds: { overspeed: 60 } },
    steps: [
      [1, 'speed+1'],
      [5, 'off'],
      [90, 'sweep'],
      [95, 'speed-1'],
    ],
    incidents: [],
    announced: [],
  },
  {
    name: 'an older time of it that is told late, while another one lasts, is counted',
    steps: [
      [100, 'speed+2'],
      [101, 'speed+1@50', 'speed-1@60'],
      [110, 'speed-2'],
    ],
    incidents: ['overspeed closed (ended) ×2'],
    announced: ['speed+2', 'speed+1', 'speed-1', 'speed-2'],
  },
  {
    name: 'an end whose begin nobody knows changes nothing',
    steps: [[1, 'off-1']],
    incidents: [],
    announced: ['off-1'],
  },
]

describe('incidents', () => {
  for (const { name, settings, steps, incidents, announced } of CASES) {
    test(name, () => {
      const desk = play(steps, settings)
      assert.deepEqual(desk.summary(), incidents)
      assert.deepEqual(
        desk.announced,
        announced.map(short => `truck.${short.replace('!', '')}${short.includes('!') ? '.retracted' : ''}`),
      )
    })
  }

  test('a schedule that begins again while the device stays is one incident, and leaving ends it', () => {
    const desk = new MemoryDesk()
    desk.fences.yard = { severity: 'high' }
    const severe = { severity: 'high' }
    desk.hear(1_000, fenceEvent('enter', 1_000, severe))
    desk.hear(9_000, fenceEvent('enter', 9_000, { ...severe, scheduled: true }))
    assert.deepEqual(desk.summary(), ['geofence open ×2'])
    desk.hear(12_000, fenceEvent('exit', 12_000, severe))
    assert.deepEqual(desk.summary(), ['geofence closed (ended) ×2'])
    desk.hear(20_000, fenceEvent('enter', 20_000, severe))
    assert.deepEqual(desk.summary(), ['geofence closed (ended) ×2', 'geofence open ×1'])
  })

  test('one of two episodes is withdrawn: it is open as long as the other lasts', () => {
    const desk = new MemoryDesk()
    desk.hear(1_000, deviceEvent('off+1', 1_000))
    desk.hear(2_000, deviceEvent('off+2', 2_000))
    desk.withdraw('rule-deleted', 3_000, ['off1'])
    assert.deepEqual(desk.summary(), ['offline open ×2'])
    desk.withdraw('rule-deleted', 4_000, ['off2'])
    assert.deepEqual(desk.summary(), ['offline closed (rule-deleted) ×2'])
    assert.equal(desk.retained.size, 0)
  })

  test('a storm is over when the rule of those in it is switched off', () => {
    const desk = new MemoryDesk({ storm: { devices: 3, windowSeconds: 60 } })
    for (const id of ['a', 'b', 'c', 'd']) desk.hear(1_000, deviceEvent('off+1', 1_000, id))
    assert.ok(desk.summary().includes('storm of 4/4 open ×1'))
    desk.withdraw('rule-off', 5_000)
    assert.ok(desk.shown().every(({ state }) => state === 'closed'))
    assert.equal(desk.retained.size, 0)
  })

  test('what is retained is what is open', () => {
    const desk = play([
      [1, 'speed+1'],
      [2, 'off+1'],
      [5, 'speed-1'],
    ])
    assert.deepEqual(
      [...desk.retained.values()].map(({ kind }) => kind),
      ['offline'],
    )
    assert.deepEqual(desk.messages, ['overspeed opened', 'offline opened', 'empty'])
  })

  test('answers to a closed one are refused; an acknowledgement given twice is one', () => {
    const desk = play([
      [1, 'speed+1'],
      [2, 'ack'],
      [3, 'ack'],
    ])
    const [incident] = desk.shown()
    assert.deepEqual(incident?.acknowledged, { by: 'ann', at: 2_000 })
    desk.close(incident!.incidentId, 4_000)
    assert.throws(() => desk.acknowledge(incident!.incidentId, 5_000), { code: 'incident_closed' })
    assert.throws(() => desk.close(incident!.incidentId, 5_000), { code: 'incident_closed' })
    assert.deepEqual(
      desk.timeline.map(({ change }) => change),
      ['began', 'opened', 'acknowledged', 'closed'],
    )
  })

  test('a fence with a severity is an incident from the enter to the exit', () => {
    const desk = new MemoryDesk()
    desk.fences.yard = { severity: 'high' }
    desk.hear(1_000, fenceEvent('enter', 1_000, { severity: 'high' }))
    desk.hear(9_000, fenceEvent('dwell', 9_000, { severity: 'high' }))
    assert.deepEqual(desk.summary(), ['geofence open ×1'])
    assert.equal(desk.shown()[0]?.lastSeenAt, 9_000)
    desk.hear(12_000, fenceEvent('exit', 12_000, { severity: 'high' }))
    assert.deepEqual(desk.summary(), ['geofence closed (ended) ×1'])
    assert.deepEqual(
      desk.announced,
      ['enter-1000', 'dwell-9000', 'exit-12000'],
      'fence events are announced in any case',
    )
  })

  test('a yard that nothing may leave is an incident from the exit to the enter', () => {
    const desk = new MemoryDesk()
    desk.fences.yard = { severity: 'high', events: ['exit'] }
    desk.hear(1_000, fenceEvent('exit', 1_000))
    assert.equal(desk.shown()[0]?.text, 'truck left Yard')
    assert.deepEqual(desk.summary(), ['geofence open ×1'])
  })

  test('a stay that is too long is an incident until the exit, with or without a severity', () => {
    const desk = new MemoryDesk()
    desk.fences.yard = { maxStaySeconds: 60 }
    desk.hear(1_000, fenceEvent('enter', 1_000))
    assert.deepEqual(desk.summary(), [])
    desk.hear(61_000, fenceEvent('dwell', 61_000, { overstay: true }))
    assert.deepEqual(desk.summary(), ['overstay open ×1'])
    desk.hear(90_000, fenceEvent('exit', 90_000))
    assert.deepEqual(desk.summary(), ['overstay closed (ended) ×1'])
  })
})

describe('storms', () => {
  const SETTINGS: IncidentSettings = { storm: { devices: 5, windowSeconds: 60 }, cooldownSeconds: { offline: 0 } }
  const goes = (i: number, second: number): DeviceEvent => deviceEvent('off+1', second * SECOND, `d${i}`)
  const returns = (i: number, second: number): DeviceEvent => deviceEvent('off-1', second * SECOND, `d${i}`)

  test('one by one: those before it were told, they join; the rest is one incident', () => {
    const desk = new MemoryDesk(SETTINGS)
    for (let i = 0; i < 20; i++) desk.hear(i * SECOND, goes(i, i))
    assert.equal(desk.announced.length, 4)
    assert.equal(desk.summary().at(-1) ?? '', 'offline open ×1')
    const storm = desk.shown().find(({ kind }) => kind === 'storm')!
    assert.deepEqual(storm.storm?.firstDevices, ['d0', 'd1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7', 'd8', 'd9'])
    assert.equal(storm.text, '20 devices offline: one incident')
    assert.equal(storm.storm?.since, 0)
    assert.deepEqual([...desk.retained.keys()], [storm.incidentId], 'nothing else is retained')
    // Its count follows, once in five seconds at the most.
    assert.equal(desk.messages.filter(message => message === 'storm opened').length, 1)
    assert.equal(desk.messages.filter(message => message === 'storm updated').length, 3)
    desk.sweep(30 * SECOND)
    assert.equal(desk.retained.get(storm.incidentId)?.storm?.count, 20)
    const joined = desk.timeline.filter(({ change }) => change === 'member-joined')
    assert.equal(new Set(joined.map(({ deviceId }) => deviceId)).size, 20, 'none is lost')
  })

  test('all at once: nothing is told but the storm', () => {
    const desk = new MemoryDesk(SETTINGS)
    desk.hear(1_000, ...Array.from({ length: 500 }, (_, i) => goes(i, 1)))
    assert.deepEqual(desk.announced, [])
    assert.deepEqual(desk.messages, ['storm opened'])
    assert.equal(desk.shown().find(({ kind }) => kind === 'storm')?.text, '500 devices offline: one incident')
  })

  test('it ends when fewer than a fifth are left, who then speak for themselves', () => {
    const desk = new MemoryDesk(SETTINGS)
    desk.hear(1_000, ...Array.from({ length: 10 }, (_, i) => goes(i, 1)))
    for (let i = 0; i < 8; i++) desk.hear((10 + i) * SECOND, returns(i, 10 + i))
    const storm = () => desk.shown().find(({ kind }) => kind === 'storm')!
    assert.equal(storm().state, 'open')
    desk.hear(20_000, returns(8, 20))
    assert.deepEqual([storm().state, storm().storm?.count], ['closed', 1])
    assert.deepEqual(
      [...desk.retained.values()].map(({ deviceId, change }) => [deviceId, change]),
      [['d9', 'left-storm']],
    )
    assert.deepEqual(desk.announced, [], 'whose going was not told, their coming back is not either')
    desk.hear(30_000, returns(9, 30))
    assert.deepEqual([...desk.retained.keys()], [])
  })

  test('so many over a longer time are no storm, nor are so many times of one device', () => {
    const slow = new MemoryDesk(SETTINGS)
    for (let i = 0; i < 20; i++) slow.hear(i * 20 * SECOND, goes(i, i * 20))
    assert.equal(slow.announced.length, 20)
    assert.ok(slow.shown().every(({ kind }) => kind !== 'storm'))
    const one = new MemoryDesk(SETTINGS)
    for (let i = 0; i < 20; i++) {
      one.hear(2 * i * SECOND, deviceEvent(`off+${i}`, 2 * i * SECOND))
      one.hear((2 * i + 1) * SECOND, deviceEvent(`off-${i}`, (2 * i + 1) * SECOND))
    }
    assert.ok(one.shown().every(({ kind }) => kind !== 'storm'))
  })

  test('one that breaks out again within its cooldown is the same; 0 devices switch storms off', () => {
    const desk = new MemoryDesk(SETTINGS)
    const wave = (at: number, episode: string, sign: '+' | '-') =>
      desk.hear(
        at * SECOND,
        ...Array.from({ length: 6 }, (_, i) => deviceEvent(`off${sign}${episode}`, at * SECOND, `d${i}`)),
      )
    wave(1, 'a', '+')
    wave(10, 'a', '-')
    wave(100, 'b', '+')
    assert.deepEqual(
      desk.shown().flatMap(({ kind, state, count }) => (kind === 'storm' ? [`${state} ×${count}`] : [])),
      ['open ×2'],
    )
    const off = new MemoryDesk({ ...SETTINGS, storm: { devices: 0 } })
    off.hear(1_000, ...Array.from({ length: 50 }, (_, i) => goes(i, 1)))
    assert.equal(off.announced.length, 50)
  })

  test('closed by hand, its devices speak for themselves, and make no other storm', () => {
    const desk = new MemoryDesk(SETTINGS)
    desk.hear(1_000, ...Array.from({ length: 6 }, (_, i) => goes(i, 1)))
    desk.close(desk.shown().find(({ kind }) => kind === 'storm')!.incidentId, 2_000)
    assert.equal(desk.retained.size, 6)
    desk.hear(3_000, goes(7, 3))
    assert.equal(desk.shown().filter(({ kind, state }) => kind === 'storm' && state === 'open').length, 0)
    assert.deepEqual(desk.announced, ['d7.off+1'])
  })
})

test('whatever the order: opening and closing take turns, counts and what is retained are right', () => {
  const step = fc.record({
    device: fc.integer({ min: 0, max: 7 }),
    pause: fc.integer({ min: 0, max: 40 }),
    what: fc.constantFrom('flip', 'flip', 'flip', 'sweep', 'acknowledge', 'close', 'take back'),
  })
  const settings = fc.record({
    cooldownSeconds: fc.record({ offline: fc.constantFrom(0, 30), storm: fc.constantFrom(0, 60) }),
    minSeconds: fc.record({ offline: fc.constantFrom(0, 20) }),
    storm: fc.record({ devices: fc.constantFrom(0, 3), windowSeconds: fc.constantFrom(10, 100) }),
  })
  fc.assert(
    fc.property(settings, fc.array(step, { maxLength: 80 }), (given, steps) => {
      const desk = new MemoryDesk(given)
      const lasting = new Map<number, number>()
      const begins = new Map<number, Set<string>>()
      let nowMs = 0
      let episodes = 0
      for (const { device, pause, what } of steps) {
        nowMs += pause * SECOND
        const name = `d${device}`
        const episode = lasting.get(device)
        if (what === 'sweep') desk.sweep(nowMs)
        else if (what === 'flip' && episode === undefined) {
          lasting.set(device, ++episodes)
          begins.set(device, (begins.get(device) ?? new Set()).add(`${name}.off+${episodes}`))
          desk.hear(nowMs, deviceEvent(`off+${episodes}`, nowMs, name))
        } else if (what === 'flip') {
          lasting.delete(device)
          desk.hear(nowMs, deviceEvent(`off-${episode}`, nowMs, name))
        } else if (what === 'take back' && episode !== undefined) {
          lasting.delete(device)
          begins.get(device)!.delete(`${name}.off+${episode}`)
          desk.hear(nowMs, deviceEvent(`off!+${episode}`, nowMs, name))
        } else if (what === 'acknowledge' || what === 'close') {
          const open = desk.shown().find(({ deviceId, state }) => deviceId === name && state !== 'closed')
          if (open !== undefined) desk[what](open.incidentId, nowMs)
        }
        check(desk, lasting)
      }
      for (let device = 0; device < 8; device++) {
        const counted = [...desk.records.values()]
          .filter(({ incident }) => incident.deviceId === `d${device}`)
          .reduce((sum, { incident }) => sum + incident.count, 0)
        assert.equal(counted, begins.get(device)?.size ?? 0, `d${device}: every begin that stands is counted once`)
        const told = desk.announced.filter(id => id.startsWith(`d${device}.`) && !id.includes('retracted'))
        for (const [i, id] of told.entries()) assert.equal(told.indexOf(id), i, `${id} is announced once`)
        const ends = told.filter(id => id.includes('-'))
        for (const end of ends) assert.ok(told.includes(end.replace('-', '+')), `${end} is told without its begin`)
      }
    }),
    { numRuns: 500 },
  )
})

function check(desk: MemoryDesk, lasting: ReadonlyMap<number, number>): void {
  const records = [...desk.records.values()]
  const open = records.filter(({ incident }) => incident.state !== 'closed')
  assert.equal(new Set(open.map(({ key }) => key)).size, open.length, 'one open incident of each key at the most')
  for (const { incident, episodes } of open) {
    if (incident.storm === undefined) {
      assert.ok(
        episodes.some(({ endedAt }) => endedAt === undefined),
        'what is open lasts',
      )
      assert.ok(lasting.has(Number(incident.deviceId!.slice(1))), 'and its device says so')
    } else {
      const members = open.filter(member => member.incident.partOf === incident.incidentId)
      assert.equal(incident.storm.count, members.length, 'a storm counts what is in it')
      assert.ok(members.length > 0)
    }
  }
  for (const { incident } of records) {
    const changes = desk.timeline
      .filter(({ incidentId, change }) => incidentId === incident.incidentId && /opened|closed/.test(change))
      .map(({ change }) => (change === 'closed' ? 'closed' : 'opened'))
    for (const [i, change] of changes.entries()) {
      assert.equal(change, i % 2 === 0 ? 'opened' : 'closed', `${incident.incidentId}: ${changes.join(' ')}`)
    }
  }
  const visible = open.filter(({ incident, pending }) => !pending && incident.partOf === undefined)
  assert.deepEqual(
    new Set(desk.retained.keys()),
    new Set(visible.map(({ incident }) => incident.incidentId)),
    'retained is what is open and speaks for itself',
  )
}
