import type { ChannelName, PayloadOf } from '../../contract/index.ts'
import { CHANNEL_TABLE } from './channel-table.ts'
import { RealtimeError } from './errors.ts'

type Templates = typeof CHANNEL_TABLE
/** The channels of the platform that the SDK knows. */
export type Channel = keyof Templates & ChannelName

/** The parameters in a topic template: `{deviceId}` is an id, `{event:enter|exit}` one of its choices. */
type ParamsIn<Template extends string> = Template extends `${string}{${infer Param}}${infer Rest}`
  ? (Param extends `${infer Name}:${infer Choices}`
      ? { readonly [Key in Name]: Split<Choices> }
      : { readonly [Key in Param]: string }) &
      ParamsIn<Rest>
  : unknown
type Split<Choices extends string> = Choices extends `${infer First}|${infer Rest}` ? First | Split<Rest> : Choices

/** What the topic of a channel says, like `{ deviceId }`. */
export type ParamsOf<Name extends Channel> = Omit<ParamsIn<Templates[Name]['template']>, 'org'>

export interface Message<Name extends Channel = Channel> {
  readonly channel: Name
  readonly topic: string
  readonly params: ParamsOf<Name>
  /** Null: what was retained under the topic is cleared; a fence was deleted, an alert closed. */
  readonly payload: PayloadOf<Name> | null
  /** It was so already when the stream began, or began anew after a gap. */
  readonly isSnapshot: boolean
}

export function isRetained(channel: Channel): boolean {
  return CHANNEL_TABLE[channel].retain
}

export function isChannel(name: string): name is Channel {
  return Object.hasOwn(CHANNEL_TABLE, name)
}

type Values = Readonly<Record<string, string | undefined>>
const ID = /^[A-Za-z0-9._:-]{1,64}$/

interface Level {
  readonly literal?: string
  readonly param?: string
  readonly choices?: readonly string[]
}
const LEVELS = new Map<Channel, readonly Level[]>()

function levelsOf(channel: Channel): readonly Level[] {
  let levels = LEVELS.get(channel)
  if (levels === undefined) {
    levels = CHANNEL_TABLE[channel].template.split('/').map((text): Level => {
      if (!text.startsWith('{')) return { literal: text }
      const [param, choices] = text.slice(1, -1).split(':')
      return { param: param!, ...(choices !== undefined && { choices: choices.split('|') }) }
    })
    LEVELS.set(channel, levels)
  }
  return levels
}

/** The topic that a message is published to. @throws RealtimeError topic_invalid */
export function topicOf(channel: Channel, org: string, values: Values): string {
  return levelsOf(channel)
    .map(({ literal, param, choices }) => {
      if (literal !== undefined) return literal
      const value = param === 'org' ? org : values[param!]
      if (value !== undefined && (choices === undefined ? ID.test(value) : choices.includes(value))) return value
      throw new RealtimeError('topic_invalid', `${channel}: ${param} is ${JSON.stringify(value)}`)
    })
    .join('/')
}

/** What to subscribe to; what `values` leaves out is left open. */
export function filterOf(channel: Channel, org: string, values: Values): string {
  return levelsOf(channel)
    .map(({ literal, param }) => literal ?? (param === 'org' ? org : (values[param!] ?? '+')))
    .join('/')
}

export function paramsOf(channel: Channel, topic: string): Readonly<Record<string, string>> {
  const texts = topic.split('/')
  const params: Record<string, string> = {}
  for (const [i, { param }] of levelsOf(channel).entries()) {
    if (param !== undefined && param !== 'org') params[param] = texts[i] ?? ''
  }
  return params
}

export function fits(params: Values, wanted: Values): boolean {
  for (const name in wanted) if (wanted[name] !== undefined && wanted[name] !== params[name]) return false
  return true
}
