/** Two rising tones, again and again. Browsers allow sound only after a click, so it starts switched off. */
export interface SosSound {
  start(): void
  stop(): void
  close(): void
}

const PERIOD_MS = 2_400
const TONES_HZ = [660, 880] as const

export function createSosSound(): SosSound {
  const context = new AudioContext()
  let timer: ReturnType<typeof setInterval> | undefined

  const beep = (): void => {
    for (const [i, hertz] of TONES_HZ.entries()) {
      const from = context.currentTime + i * 0.22
      const tone = context.createOscillator()
      const volume = context.createGain()
      tone.frequency.value = hertz
      volume.gain.setValueAtTime(0, from)
      volume.gain.linearRampToValueAtTime(0.22, from + 0.02)
      volume.gain.linearRampToValueAtTime(0, from + 0.2)
      tone.connect(volume).connect(context.destination)
      tone.start(from)
      tone.stop(from + 0.21)
    }
  }

  return {
    start() {
      if (timer !== undefined) return
      beep()
      timer = setInterval(beep, PERIOD_MS)
    },
    stop() {
      clearInterval(timer)
      timer = undefined
    },
    close() {
      clearInterval(timer)
      context.close()
    },
  }
}
