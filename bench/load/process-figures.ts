import { readFileSync } from 'node:fs'

/** Ticks of the clock a second that /proc counts in: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

export interface ProcessFigures {
  readonly cpuMicros: number
  readonly residentKb: number
}

/** CPU time of all threads since the process began, and the memory it holds now; of Linux' /proc. */
export function figuresOf(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the command stands in brackets and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { cpuMicros: (ticks / TICKS_PER_SECOND) * 1e6, residentKb: Number(resident?.[1] ?? 0) }
}
