import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROTOCOLS } from '../../../bridge/trackers/registry.ts'
import { FRAME_FILES, isMisfiled, readFrames, readTrackerFrames } from '../../support/tracker-frames.ts'

const DATA = process.env.TRACKWIRE_TEST_DATA

/** Every frame that we read in another way than the reference, by its test, with the reason. */
const DISAGREEMENTS: Readonly<Record<string, string>> = {
  'Gl200BinaryProtocolDecoderTest.testDecode#1':
    'a form of the newest models, of which there is one frame and no public description',
  'Gl200TextProtocolDecoderTest.testDecode#18':
    'a CAN report with a position behind an ADAS field, which the reference does not get to',
  'Gl200TextProtocolDecoderTest.testDecode#157':
    'the frame lost its last character; the reference gives it up, its position is whole',
  'T55ProtocolDecoderTest.testDecode#18':
    'the year 96 is 1996, since GPS has no 2096; the reference takes every two-digit year for one of this century',
  'SuntechProtocolDecoderTest.testDecode#11':
    'a BSA message has the place where a beacon was heard; the reference does not read this kind',
}

/** Every frame with other alerts than the reference has, with the reason. */
const OTHER_ALARMS: Readonly<Record<string, string>> = {
  'Gt06ProtocolDecoderTest.testDecode#171':
    'code 25 is a low battery in the maker’s list; one model brakes and speeds up with it',
  'Jt808ProtocolDecoderTest.testDecode#2': 'in an item of the maker’s own, whose bits are not public',
  'Jt808ProtocolDecoderTest.testDecode#10': 'in an item of the maker’s own, whose bits are not public',
  'Jt808ProtocolDecoderTest.testDecode#11': 'in an item of the maker’s own, whose bits are not public',
  'Jt808ProtocolDecoderTest.testDecode#107': 'in an item of the maker’s own, whose bits are not public',
  'MeitrackProtocolDecoderTest.testDecode#13':
    'the reference does not name the events of binary records; 1 is the button',
  'MeitrackProtocolDecoderTest.testDecode#15':
    'the reference does not name the events of binary records; 1 is the button',
  'MeitrackProtocolDecoderTest.testDecode#50':
    'the reference does not name the events of binary records; 1 is the button',
  'SuntechProtocolDecoderTest.testDecode#41':
    'an Emergency of the ST910 is its panic button; the reference says general',
  'SuntechProtocolDecoderTest.testDecode#60':
    'an Emergency of the ST910 is its panic button; the reference says general',
  'TeltonikaProtocolDecoderTest.testDecode#8':
    'the records were sent for 247 (crash) and 252 (unplugged); the reference looks elsewhere',
  'TeltonikaProtocolDecoderTest.testDecode#12':
    '236 is the panic button of the maker’s personal trackers; the reference says general',
}

/** Of the frames for which the reference has positions, so many have to agree in all of them. */
const AGREEMENT = 0.99

for (const protocol of PROTOCOLS.values()) {
  test(`${protocol.name}: real frames are read as the reference reads them`, {
    skip: DATA === undefined && 'the data are not here; set TRACKWIRE_TEST_DATA',
  }, t => {
    const files = FRAME_FILES[protocol.name] ?? [protocol.name]
    const frames = files.flatMap(file => readTrackerFrames(DATA!, file))
    const misfiled = frames.filter(isMisfiled)
    if (misfiled.length > 0) t.diagnostic(`${misfiled.length} frames have the reference of another one`)
    const readings = readFrames(
      protocol,
      frames.filter(frame => !isMisfiled(frame)),
    )
    assert.ok(readings.length > 0, `no frames in ${files.join(', ')}`)
    const wrong = readings.filter(({ differences }) => differences.length > 0)
    for (const { frame, differences, fault } of wrong) {
      const reason = DISAGREEMENTS[frame.test]
      t.diagnostic(`${frame.test}: ${differences.slice(0, 3).join('; ')}${fault ? ` (${fault})` : ''} — ${reason}`)
    }
    const unexplained = wrong.filter(({ frame }) => DISAGREEMENTS[frame.test] === undefined)
    assert.deepEqual(
      unexplained.map(({ frame, differences }) => `${frame.test}: ${differences[0]}`),
      [],
      'disagreements that nobody explains',
    )
    const unlike = readings.filter(({ alarms: { wanted, found } }) => wanted.join() !== found.join())
    for (const { frame, alarms } of unlike) {
      t.diagnostic(
        `${frame.test}: ${alarms.found.join() || 'no alert'}, the reference has ${alarms.wanted.join() || 'none'} — ${OTHER_ALARMS[frame.test]}`,
      )
    }
    assert.deepEqual(
      unlike.filter(({ frame }) => OTHER_ALARMS[frame.test] === undefined).map(({ frame }) => frame.test),
      [],
      'alerts that nobody explains',
    )
    const located = readings.filter(reading => reading.located)
    const agreeing = located.filter(({ differences }) => differences.length === 0)
    t.diagnostic(`${agreeing.length} of ${located.length} frames with positions agree`)
    // Of a small table one frame may differ, with its reason.
    assert.ok(located.length - agreeing.length <= Math.max(1, (1 - AGREEMENT) * located.length))
  })
}
