import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import Type from 'typebox'
import type { CommandLink, CommandSender, CommandToSend, CommandType } from '../../../bridge/index.ts'
import { type Caller, type HttpPlatform, startHttpPlatform } from './http-platform.ts'

const MINUTE = 60_000
const ANN: Caller = { role: 'dispatcher', sub: 'ann' }
const BEN: Caller = { role: 'dispatcher', sub: 'ben' }
const BOSS: Caller = { role: 'admin', sub: 'boss' }

const NOTHING = Type.Object({}, { additionalProperties: false })
const TYPES: readonly CommandType[] = [
  { name: 'locate', summary: 'Where are you', args: NOTHING, repeatable: true },
  { name: 'immobilise', summary: 'Stop', args: NOTHING, repeatable: true },
  { name: 'reboot', summary: 'Again', args: NOTHING, repeatable: false },
  { name: 'raw', summary: 'Words', args: Type.Object({ text: Type.String() }), repeatable: false },
]

/** A transport whose connections come and go as the test says. */
class Radio implements CommandSender {
  readonly sent: CommandToSend[] = []
  readonly #links = new Map<string, string>()
  #connections = 0

  connect(deviceId: string): void {
    this.#connections += 1
    this.#links.set(deviceId, `radio-${this.#connections}`)
  }

  disconnect(deviceId: string): void {
    this.#links.delete(deviceId)
  }

  linkOf({ deviceId }: { deviceId: string }): CommandLink | null {
    const id = this.#links.get(deviceId)
    if (id === undefined) return null
    return {
      id,
      transport: 'radio',
      types: TYPES,
      isFree: true,
      rawStopsVehicle: ({ text }) => text === 'CUT',
      prepare: command => (command.args.text === 'unsayable' ? null : () => void this.sent.push(command)),
    }
  }

  typesOf(transport: string): readonly CommandType[] | null {
    return transport === 'radio' ? TYPES : null
  }

  sentTo(deviceId: string): string[] {
    return this.sent.flatMap(command => (command.deviceId === deviceId ? [command.commandId] : []))
  }
}

/** What has to hold of commands on every database. */
export function commandsSuite(databaseUrl?: string): void {
  const radio = new Radio()
  let platform: HttpPlatform
  let nowMs = Date.now()
  let devices = 0

  before(async () => {
    platform = await startHttpPlatform({ now: () => nowMs, senders: [radio] }, databaseUrl)
  })
  after(() => platform.close())

  /** A device of its own for each test. */
  async function newDevice(): Promise<string> {
    devices += 1
    const id = `truck-${devices}`
    const { status } = await platform.call('POST', '/api/v1/devices', { caller: BOSS, body: { id } })
    assert.equal(status, 201)
    return id
  }
  const url = (deviceId: string, rest = '') => `/api/v1/devices/${deviceId}/commands${rest}`
  const ask = (deviceId: string, body: object, caller = ANN) => platform.call('POST', url(deviceId), { caller, body })
  const act = (deviceId: string, id: string, action: string, caller = BEN) =>
    platform.call('POST', url(deviceId, `/${id}/${action}`), { caller })
  async function stateOf(deviceId: string, id: string) {
    const { body } = await platform.call('GET', url(deviceId, `/${id}`), { caller: ANN })
    return body.command
  }
  async function historyOf(deviceId: string, id: string): Promise<string[]> {
    const { body } = await platform.call('GET', url(deviceId, `/${id}`), { caller: ANN })
    return body.history.map(({ happening }: { happening: string }) => happening)
  }
  /** A fix of now by the wall clock, to which the test's clock comes along. */
  async function drives(deviceId: string, speed?: number): Promise<void> {
    const timestamp = Date.now()
    nowMs = Math.max(nowMs, timestamp)
    const location = { lat: 41.15, lng: -8.61, ...(speed === undefined ? {} : { speed }) }
    const { status } = await platform.call('POST', '/api/tracking/location', {
      caller: { role: 'service' },
      body: { deviceId, timestamp, location },
    })
    assert.equal(status, 202)
  }
  async function until(what: string, done: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + 20_000
    while (!(await done())) {
      assert.ok(Date.now() < end, `${what} did not come`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
  const contact = async (deviceId: string, id: string, state: string) => {
    platform.commands.contact({ org: 'demo', deviceId })
    await until(`${id} ${state}`, async () => (await stateOf(deviceId, id)).state === state)
  }

  test('a command to a connected device is sent at once, delivered, and executed by its word', async () => {
    const deviceId = await newDevice()
    radio.connect(deviceId)
    const { status, body } = await ask(deviceId, { id: 'c1', name: 'locate', args: {} })
    assert.equal(status, 201)
    assert.equal(body.state, 'sent')
    assert.equal(body.transport, 'radio')
    assert.equal(body.createdBy, 'ann')
    assert.deepEqual(radio.sentTo(deviceId), ['c1'])
    const key = { org: 'demo', deviceId, commandId: 'c1' }
    await platform.commands.heard({ ...key, outcome: 'delivered' })
    assert.equal((await stateOf(deviceId, 'c1')).state, 'delivered')
    await platform.commands.result({ ok: true, result: { lat: 41 } }, key)
    const done = await stateOf(deviceId, 'c1')
    assert.equal(done.state, 'executed')
    assert.deepEqual(done.result, { lat: 41 })
    assert.deepEqual(await historyOf(deviceId, 'c1'), ['created', 'sent', 'delivered', 'executed'])
    await platform.commands.result({ ok: true, result: { lat: 41 } }, key)
    assert.equal((await historyOf(deviceId, 'c1')).length, 4, 'a repeated result is nothing new')
    await platform.commands.result({ ok: false, error: 'no' }, key)
    assert.equal((await stateOf(deviceId, 'c1')).state, 'executed')
    assert.deepEqual((await historyOf(deviceId, 'c1')).slice(4), ['failed'], 'a contradiction is noted')
  })

  test('a device that is away gets it in its next contact window', async () => {
    const deviceId = await newDevice()
    const { body } = await ask(deviceId, { id: 'c1', name: 'locate' })
    assert.equal(body.state, 'queued')
    assert.equal(body.waitsFor.code, 'contact')
    radio.connect(deviceId)
    await contact(deviceId, 'c1', 'sent')
    assert.deepEqual(radio.sentTo(deviceId), ['c1'])
  })

  test('the same id with the same content is the same command, whoever repeats it; with another it is refused', async () => {
    const deviceId = await newDevice()
    const first = await ask(deviceId, { id: 'c1', name: 'locate', args: { a: 1, b: 2 } })
    const again = await ask(deviceId, { id: 'c1', name: 'locate', args: { b: 2, a: 1 } }, BEN)
    assert.deepEqual([first.status, again.status], [201, 200])
    assert.deepEqual(again.body, first.body)
    for (const other of [{ name: 'reboot' }, { args: { a: 2, b: 2 } }, { expiresAt: nowMs + MINUTE }]) {
      const refused = await ask(deviceId, { id: 'c1', name: 'locate', args: { a: 1, b: 2 }, ...other })
      assert.equal(refused.status, 409)
      assert.equal(refused.body.code, 'command_conflict')
    }
    const together = await Promise.all(
      Array.from({ length: 5 }, () => ask(deviceId, { id: 'c2', name: 'locate', args: {} })),
    )
    assert.deepEqual(together.map(({ status }) => status).sort(), [200, 200, 200, 200, 201])
    const elsewhere = await ask(await newDevice(), { id: 'c1', name: 'reboot' })
    assert.equal(elsewhere.status, 201, 'ids are those of a device')
  })

  test('what was sent and is not known to have arrived is sent again over the next connection, if that does no harm', async () => {
    const deviceId = await newDevice()
    radio.connect(deviceId)
    await ask(deviceId, { id: 'where', name: 'locate', args: {} })
    await ask(deviceId, { id: 'again', name: 'reboot', args: {} })
    platform.commands.contact({ org: 'demo', deviceId })
    await ask(deviceId, { id: 'where-2', name: 'locate', args: {} })
    assert.deepEqual(radio.sentTo(deviceId), ['where', 'again', 'where-2'], 'not twice over one connection')
    radio.disconnect(deviceId)
    radio.connect(deviceId)
    platform.commands.contact({ org: 'demo', deviceId })
    await until('both again', async () => radio.sentTo(deviceId).length === 5)
    assert.deepEqual(radio.sentTo(deviceId).slice(3), ['where', 'where-2'], 'a reboot is not done twice')
    assert.equal((await stateOf(deviceId, 'where')).attempts, 2)
    assert.deepEqual(await historyOf(deviceId, 'where'), ['created', 'sent', 'returned', 'sent'])
  })

  test('a command whose time is over is not sent, and ends', async () => {
    const deviceId = await newDevice()
    await ask(deviceId, { id: 'c1', name: 'locate', expiresAt: nowMs + MINUTE })
    nowMs += MINUTE
    radio.connect(deviceId)
    platform.commands.contact({ org: 'demo', deviceId })
    await until('expired', async () => (await stateOf(deviceId, 'c1')).state === 'expired')
    assert.deepEqual(radio.sentTo(deviceId), [])
    const late = platform.commands.result({ ok: true }, { org: 'demo', deviceId, commandId: 'c1' })
    await assert.rejects(late, { code: 'command_closed' })
    assert.equal((await act(deviceId, 'c1', 'cancel')).body.code, 'command_closed')
    assert.equal(
      (await ask(deviceId, { id: 'c1', name: 'locate', expiresAt: nowMs })).status,
      200,
      'a repeat is answered',
    )
  })

  test('what waits can be taken back, what is on its way cannot', async () => {
    const deviceId = await newDevice()
    await ask(deviceId, { id: 'c1', name: 'locate' })
    assert.equal((await act(deviceId, 'c1', 'cancel')).body.state, 'cancelled')
    assert.equal((await act(deviceId, 'c1', 'cancel')).status, 200)
    radio.connect(deviceId)
    await ask(deviceId, { id: 'c2', name: 'locate' })
    assert.deepEqual(radio.sentTo(deviceId), ['c2'])
    assert.equal((await act(deviceId, 'c2', 'cancel')).body.code, 'command_closed')
    assert.equal((await act(deviceId, 'none', 'cancel')).body.code, 'command_unknown')
  })

  test('an immobilisation waits for a second person and for the vehicle to stand, and says so', async () => {
    const deviceId = await newDevice()
    radio.connect(deviceId)
    const { body } = await ask(deviceId, { id: 'stop', name: 'immobilise', args: {} })
    assert.equal(body.state, 'awaiting-confirmation')
    assert.equal(body.waitsFor.code, 'second-person')
    const alone = await act(deviceId, 'stop', 'confirm', ANN)
    assert.deepEqual([alone.status, alone.body.code], [403, 'second_person_needed'])
    assert.equal((await act(deviceId, 'stop', 'confirm', { role: 'user', sub: 'uwe' })).status, 403)
    const confirmed = await act(deviceId, 'stop', 'confirm')
    assert.deepEqual([confirmed.body.state, confirmed.body.waitsFor.code], ['queued', 'no-fix'])
    assert.equal(confirmed.body.confirmedBy, 'ben')
    assert.equal((await act(deviceId, 'stop', 'confirm')).status, 200, 'agreeing twice is agreeing once')
    const waits = (code: string) => until(code, async () => (await stateOf(deviceId, 'stop')).waitsFor?.code === code)
    await drives(deviceId, 13.9)
    await waits('moving')
    await drives(deviceId)
    await waits('speed-unknown')
    nowMs += 3 * MINUTE
    await waits('fix-old')
    assert.deepEqual(radio.sentTo(deviceId), [])
    nowMs -= 3 * MINUTE
    await drives(deviceId, 0.4)
    await until('sent', async () => (await stateOf(deviceId, 'stop')).state === 'sent')
    assert.deepEqual(radio.sentTo(deviceId), ['stop'])
  })

  test('the interlock is looked at again when an immobilisation has to be sent again', async () => {
    const deviceId = await newDevice()
    radio.connect(deviceId)
    await drives(deviceId, 0)
    await ask(deviceId, { id: 'stop', name: 'immobilise', args: {} })
    assert.equal((await act(deviceId, 'stop', 'confirm', BOSS)).body.state, 'sent')
    radio.disconnect(deviceId)
    await drives(deviceId, 20)
    radio.connect(deviceId)
    platform.commands.contact({ org: 'demo', deviceId })
    await until('held', async () => (await stateOf(deviceId, 'stop')).waitsFor?.code === 'moving')
    assert.deepEqual(radio.sentTo(deviceId), ['stop'], 'once, while it stood')
  })

  test('a later command that lets the vehicle go makes an immobilisation that waits void', async () => {
    const deviceId = await newDevice()
    await ask(deviceId, { id: 'stop', name: 'immobilise', args: {} })
    await act(deviceId, 'stop', 'confirm')
    await ask(deviceId, { id: 'go', name: 'mobilise', args: {} })
    await until('void', async () => (await stateOf(deviceId, 'stop')).state === 'cancelled')
    await ask(deviceId, { id: 'stop-2', name: 'immobilise', args: {} })
    assert.equal(
      (await act(deviceId, 'stop-2', 'confirm')).body.state,
      'queued',
      'one that is asked for after it stands',
    )
  })

  test('a raw command takes a second person, and one that stops the vehicle its standing still', async () => {
    const deviceId = await newDevice()
    radio.connect(deviceId)
    await drives(deviceId, 20)
    for (const [id, text] of [
      ['harmless', 'STATUS'],
      ['cut', 'CUT'],
    ]) {
      const { body } = await ask(deviceId, { id, name: 'raw', args: { text } })
      assert.equal(body.state, 'awaiting-confirmation')
    }
    assert.equal((await act(deviceId, 'cut', 'confirm')).body.waitsFor.code, 'moving')
    assert.equal((await act(deviceId, 'harmless', 'confirm')).body.state, 'sent', 'it does not wait for the other')
    const mobilise = await ask(await newDevice(), { id: 'go', name: 'mobilise' })
    assert.equal(mobilise.body.state, 'queued', 'resuming takes nobody else')
  })

  test('what the protocol does not know is refused while the device is connected, and fails when it comes later', async () => {
    const deviceId = await newDevice()
    const early = await ask(deviceId, { id: 'early', name: 'fly' })
    assert.equal(early.status, 201)
    const sayable = await ask(deviceId, { id: 'raw', name: 'raw', args: { text: 'unsayable' } })
    await act(deviceId, 'raw', 'confirm')
    assert.equal(sayable.status, 201)
    radio.connect(deviceId)
    for (const [body, words] of [
      [{ name: 'fly' }, /radio has no command fly; it has locate, immobilise/],
      [{ name: 'locate', args: { fast: true } }, /fast/],
      [{ name: 'raw', args: { text: 'unsayable' } }, /./],
    ] as const) {
      const refused = await ask(deviceId, body)
      assert.deepEqual([refused.status, refused.body.code], [422, 'command_unsupported'])
      assert.match(refused.body.detail, words)
    }
    await contact(deviceId, 'raw', 'failed')
    assert.match((await stateOf(deviceId, 'raw')).error, /radio has no command raw with these arguments/)
  })

  test('bad requests are refused with the reason', async () => {
    const deviceId = await newDevice()
    for (const body of [
      {},
      { name: '' },
      { name: 'a b' },
      { name: 'sos-received' },
      { name: 'locate', id: 'types' },
      { name: 'locate', id: 'a/b' },
      { name: 'locate', args: [] },
      { name: 'locate', args: { long: 'x'.repeat(17_000) } },
      { name: 'locate', expiresAt: nowMs - 1 },
      { name: 'locate', expiresAt: nowMs + 31 * 24 * 60 * MINUTE },
      { name: 'locate', now: true },
    ]) {
      const { status, body: answer } = await ask(deviceId, body)
      assert.deepEqual([status, answer.code], [400, 'payload_invalid'], JSON.stringify(body).slice(0, 80))
    }
    assert.equal((await ask('nobody', { name: 'locate' })).body.code, 'device_unknown')
    assert.equal((await platform.call('GET', url('nobody'), { caller: ANN })).status, 404)
  })

  test('a device has at most 100 commands that wait', async () => {
    const deviceId = await newDevice()
    for (let i = 0; i < 100; i++) assert.equal((await ask(deviceId, { name: 'locate' })).status, 201)
    const refused = await ask(deviceId, { name: 'locate' })
    assert.deepEqual([refused.status, refused.body.code], [429, 'command_limit'])
  })

  test('the list has the newest first, in pages, by state; what a device can be told is listed', async () => {
    const deviceId = await newDevice()
    for (const id of ['a', 'b', 'c']) await ask(deviceId, { id, name: 'locate' })
    await act(deviceId, 'b', 'cancel')
    const list = async (query: string) => (await platform.call('GET', url(deviceId, query), { caller: ANN })).body
    const first = await list('?limit=2')
    const ids = ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id)
    assert.deepEqual(ids(first), ['c', 'b'])
    assert.deepEqual(ids(await list(`?limit=2&cursor=${first.next}`)), ['a'])
    assert.deepEqual(ids(await list('?state=queued')), ['c', 'a'])
    assert.equal((await platform.call('GET', url(deviceId, '?state=lost'), { caller: ANN })).status, 400)
    assert.deepEqual(await list('/types'), { transport: null, connected: false, items: null })
    radio.connect(deviceId)
    const types = await list('/types')
    assert.deepEqual([types.transport, types.connected], ['radio', true])
    const immobilise = types.items.find(({ name }: { name: string }) => name === 'immobilise')
    assert.deepEqual([immobilise.secondPerson, immobilise.interlocked], [true, true])
  })

  test('who did what is in the audit log', async () => {
    const deviceId = await newDevice()
    await ask(deviceId, { id: 'stop', name: 'immobilise' })
    await ask(deviceId, { id: 'stop', name: 'immobilise' })
    await act(deviceId, 'stop', 'confirm')
    await act(deviceId, 'stop', 'cancel', ANN)
    await act(deviceId, 'stop', 'cancel', ANN)
    const { body } = await platform.call('GET', `/api/v1/admin/audit?action=command&target=${deviceId}`, {
      caller: BOSS,
    })
    const acts = body.items.map(({ actor, action }: { actor: string; action: string }) => `${actor} ${action}`)
    assert.deepEqual(acts, ['ann command.cancel', 'ben command.confirm', 'ann command.create'])
    assert.equal(body.items[2].detail.id, 'stop')
  })

  test('other organisations see and do nothing', async () => {
    const deviceId = await newDevice()
    await ask(deviceId, { id: 'c1', name: 'locate' })
    const caller: Caller = { role: 'admin', sub: 'rival', org: 'rival' }
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', '/types'],
      ['GET', '/c1'],
      ['POST', '/c1/cancel'],
    ] as const) {
      assert.equal((await platform.call(method, url(deviceId, rest), { caller })).status, 404, `${method} ${rest}`)
    }
    assert.equal((await platform.call('POST', url(deviceId), { caller, body: { name: 'locate' } })).status, 404)
    assert.equal((await stateOf(deviceId, 'c1')).state, 'queued')
  })

  test('how many wait is told, by state', async () => {
    const { body } = await platform.call('GET', '/metrics', { caller: BOSS })
    assert.match(body, /trackwire_commands_waiting\{state="queued"\} [1-9]/)
    assert.match(body, /trackwire_commands_total\{state="executed"\} 1/)
  })
}
