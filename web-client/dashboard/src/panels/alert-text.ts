import type { DeviceEvent } from '../../../../contract/index.ts'
import { type AlertEvent, isOfFence } from '../live/alerts.ts'

const OF_FENCE = { enter: 'entered', exit: 'left', dwell: 'stays in', correction: 'did not cross' } as const

const OF_DEVICE: Readonly<Record<DeviceEvent['event'], readonly [begin: string, end: string]>> = {
  online: ['is online', 'is online'],
  offline: ['is offline', 'is back'],
  'low-battery': ['has a low battery', 'has a charged battery again'],
  overspeed: ['is too fast', 'keeps to the limit again'],
  idle: ['idles', 'idles no longer'],
  moving: ['moves', 'moves'],
  stationary: ['stands', 'stands'],
  tow: ['moves with its ignition off', 'is towed no longer'],
  near: ['is near', 'is far again from'],
  far: ['is far again from', 'is far again from'],
  'off-route': ['left its route', 'is back on its route'],
  'power-cut': ['lost its power supply', 'has power again'],
  'low-power': ['has a low supply voltage', 'has its supply voltage again'],
  tampering: ['is being tampered with', 'is tampered with no longer'],
  vibration: ['is being shaken', 'is shaken no longer'],
  accident: ['had an accident', 'reports an accident no longer'],
  'fall-down': ['lies: its bearer may have fallen', 'reports a fall no longer'],
  jamming: ['is being jammed', 'is jammed no longer'],
  'gps-antenna-cut': ['lost its GPS antenna', 'has its GPS antenna again'],
  'identity-clash': ['is active from two places at once', 'is active from one place again'],
}

/** What is said of the device, and what it is said about: a fence's name, another device, or nothing. */
export function alertText(event: AlertEvent): { readonly verb: string; readonly about: string } {
  if (isOfFence(event)) {
    const overstay = event.overstay === true
    return { verb: overstay ? 'is still in' : OF_FENCE[event.event], about: event.fenceName }
  }
  const [begin, end] = OF_DEVICE[event.event]
  return { verb: event.phase === 'end' ? end : begin, about: event.otherDeviceId ?? '' }
}

export function alertIcon(event: AlertEvent): 'enter' | 'exit' | 'dwell' | 'close' | 'alarm' {
  if (!isOfFence(event)) return 'alarm'
  return event.event === 'correction' ? 'close' : event.event
}

interface Tag {
  readonly word: string
  readonly title: string
}

/** What has to be known about how the event came to be. */
export function alertTags(event: AlertEvent, retracted: boolean): Tag[] {
  const tags: Tag[] = []
  if (retracted)
    tags.push({ word: 'corrected', title: 'Positions that arrived later contradict it: it does not stand' })
  if (isOfFence(event)) {
    if (event.initial === true)
      tags.push({
        word: 'initial',
        title: 'Its first known position was already inside: it may have entered earlier',
      })
    if (event.scheduled === true)
      tags.push({ word: 'scheduled', title: 'The fence’s schedule began; the device did not cross the border then' })
    if (event.interpolated === true)
      tags.push({ word: 'between fixes', title: 'On the line between two positions: time and place are interpolated' })
  }
  if (event.inferred === true)
    tags.push({ word: 'inferred', title: 'By the clock: no position came that says otherwise' })
  if (event.late === true) tags.push({ word: 'late', title: 'Revealed by positions that arrived late' })
  return tags
}
