import { resolve } from 'node:path'

/** One setting: its variable, its default as text, and how its text becomes a value. */
export interface Setting<Value> {
  readonly name: string
  readonly default: string
  readonly description: string
  /** @throws BadSetting */
  parse(text: string): Value
}

/** What is wrong with one value: cause and remedy, without the name of the variable. */
export class BadSetting extends Error {
  override readonly name = 'BadSetting'
}

export function text(name: string, fallback: string, description: string): Setting<string> {
  return { name, default: fallback, description, parse: value => value }
}

/** A path, resolved against the current folder. */
export function path(name: string, fallback: string, description: string): Setting<string> {
  return { name, default: fallback, description, parse: value => (value === '' ? '' : resolve(value)) }
}

export function optional<Value>(setting: Setting<Value>): Setting<Value | undefined> {
  return { ...setting, parse: value => (value === '' ? undefined : setting.parse(value)) }
}

export function port(name: string, fallback: string, description: string): Setting<number | 'off'> {
  return {
    name,
    default: fallback,
    description,
    parse: value => {
      if (value.toLowerCase() === 'off') return 'off'
      const number = Number(value)
      if (!/^\d+$/.test(value) || number > 65_535)
        throw new BadSetting(`"${value}" is no port; give 0 to 65535, or off`)
      return number
    },
  }
}

export function integer(
  name: string,
  fallback: string,
  description: string,
  min: number,
  max: number,
): Setting<number> {
  return {
    name,
    default: fallback,
    description,
    parse: value => {
      const number = Number(value)
      if (!/^-?\d+$/.test(value) || number < min || number > max) {
        throw new BadSetting(`"${value}" is not a whole number from ${min} to ${max}`)
      }
      return number
    },
  }
}

/** A limit: how many, or none at all. */
export function limit(name: string, fallback: string, description: string): Setting<number | null> {
  const whole = integer(name, fallback, description, 1, 1_000_000_000)
  return {
    ...whole,
    parse: value => {
      if (value.toLowerCase() === 'off') return null
      try {
        return whole.parse(value)
      } catch {
        throw new BadSetting(`"${value}" is no limit; give a whole number from 1, or off`)
      }
    },
  }
}

/** A limit with a rule of its own for when nobody sets it. */
export function autoLimit(name: string, description: string): Setting<number | null | 'auto'> {
  const set = limit(name, 'auto', description)
  return { ...set, parse: value => (value.toLowerCase() === 'auto' ? 'auto' : set.parse(value)) }
}

export function choice<const Choices extends readonly string[]>(
  name: string,
  fallback: Choices[number],
  description: string,
  choices: Choices,
): Setting<Choices[number]> {
  return {
    name,
    default: fallback,
    description,
    parse: value => {
      if (!choices.includes(value)) throw new BadSetting(`"${value}" is not one of ${choices.join(', ')}`)
      return value
    },
  }
}

export function list(name: string, fallback: string, description: string): Setting<readonly string[]> {
  const parse = (value: string) =>
    value
      .split(',')
      .map(item => item.trim())
      .filter(item => item !== '')
  return { name, default: fallback, description, parse }
}

export function url(name: string, fallback: string, description: string, schemes: readonly string[]): Setting<string> {
  return {
    name,
    default: fallback,
    description,
    parse: value => {
      // The value is not repeated: it may hold a password.
      if (!URL.canParse(value) || !schemes.includes(new URL(value).protocol)) {
        throw new BadSetting(`not a URL that begins with ${schemes.map(scheme => `${scheme}//`).join(' or ')}`)
      }
      return value
    },
  }
}

/** A setting that exists, but has no effect in this version: anything but empty is a problem. */
export function notServed(name: string, remedy: string): Setting<undefined> {
  return {
    name,
    default: '',
    description: remedy,
    parse: value => {
      if (value !== '') throw new BadSetting(remedy)
      return undefined
    },
  }
}

/** `gt06:5023,teltonika:5027`: listeners of native tracker protocols; 0 = any free port. */
export function trackerListeners(
  name: string,
  description: string,
  known: readonly string[],
): Setting<readonly { readonly protocol: string; readonly port: number }[]> {
  return {
    name,
    default: '',
    description,
    parse: value =>
      value
        .split(',')
        .map(item => item.trim())
        .filter(item => item !== '')
        .map(item => {
          const [, protocol, port] = /^([a-z0-9]+):(\d{1,5})$/.exec(item) ?? []
          if (port === undefined || Number(port) > 65_535) {
            throw new BadSetting(`"${item}" is not PROTOCOL:PORT; write it like gt06:5023,teltonika:5027`)
          }
          if (!known.includes(protocol!)) throw new BadSetting(`"${protocol}" is not one of ${known.join(', ')}`)
          return { protocol: protocol!, port: Number(port) }
        }),
  }
}
