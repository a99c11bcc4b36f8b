import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--allow-natives-syntax')
const haveSameMap = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean

/** Until V8 takes its fast path for a place in the code. */
const OFTEN = 5_000

/**
 * Whether V8 gives what is made one hidden class. An object that gains a key after a spread (`{ ...some, key }`) has one of its own, once
 * the code is warm: a microsecond each time, half a kilobyte, and slow reading wherever such objects come by. What is made for every
 * connection or every fix has to share it.
 */
export function shareShape(make: () => object): boolean {
  for (let i = 0; i < OFTEN; i += 1) make()
  return haveSameMap(make(), make())
}
