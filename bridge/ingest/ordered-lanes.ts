type Task = () => Promise<void>

/**
 * Runs tasks of the same key one after the other in the order they were added, and different keys side by side, at most
 * `parallel` at once: one slow receiver holds up its own device only. Tasks do not reject.
 */
export class OrderedLanes {
  readonly #parallel: number
  readonly #tasks = new Map<string, Task[]>()
  readonly #ready: string[] = []
  #running = 0
  #idle: (() => void)[] = []

  constructor(parallel: number) {
    this.#parallel = parallel
  }

  add(key: string, task: Task): void {
    const tasks = this.#tasks.get(key)
    if (tasks !== undefined) {
      tasks.push(task)
      return
    }
    this.#tasks.set(key, [task])
    this.#ready.push(key)
    this.#start()
  }

  /** Resolves when nothing is left to run. */
  idle(): Promise<void> {
    if (this.#tasks.size === 0) return Promise.resolve()
    return new Promise(resolve => this.#idle.push(resolve))
  }

  #start(): void {
    while (this.#running < this.#parallel && this.#ready.length > 0) void this.#run(this.#ready.shift()!)
  }

  async #run(key: string): Promise<void> {
    this.#running++
    const tasks = this.#tasks.get(key)!
    await tasks[0]!()
    tasks.shift()
    this.#running--
    if (tasks.length > 0) this.#ready.push(key)
    else this.#tasks.delete(key)
    if (this.#tasks.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
    this.#start()
  }
}
