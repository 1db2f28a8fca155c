/**
 * The one error class of the package.
 *
 * Codes and names come from the wasm module. The few in `LOCAL` are also needed here, because they can arise before the
 * module is loaded or outside it; a test holds them against the module's own list.
 */

/** What failed, told by the wasm module or by the facade itself. */
export interface Failure {
  readonly code: number;
  readonly name: string;
  readonly reason: string;
  readonly temporary: boolean;
  /** In milliseconds; zero when the gateway named no time. */
  readonly retryAfter?: number;
}

/**
 * Why a request, a group or the connection failed.
 *
 * `code` is a number of the protocol: 100–199 for a request that the gateway refused, 2000–2999 for a group that ended,
 * 4000–4999 for a connection that was closed. Codes below 100 arise in the client and never travel.
 */
export class ChannelLayersError extends Error {
  /** The number of what went wrong, to match on. */
  readonly code: number;
  /** The name that the protocol gives to `code`, such as `permission_denied`. */
  override readonly name: string;
  /** Whether doing the same again later can succeed. */
  readonly temporary: boolean;
  /** How long to wait before that, in milliseconds, where the gateway said so. */
  readonly retryAfter?: number;

  /** @internal */
  constructor(failure: Failure, cause?: unknown) {
    super(failure.reason, cause === undefined ? undefined : { cause });
    this.code = failure.code;
    this.name = failure.name;
    this.temporary = failure.temporary;
    if (failure.retryAfter) this.retryAfter = failure.retryAfter;
  }
}

/** The codes that the facade raises itself. */
export const LOCAL = {
  queue_full: { code: 3, temporary: true },
  closed: { code: 4, temporary: false },
  invalid_message: { code: 6, temporary: false },
  config: { code: 8, temporary: false },
  lagged: { code: 10, temporary: false },
} as const;

/** An error that the facade raises itself. */
export function local(name: keyof typeof LOCAL, reason: string, cause?: unknown): ChannelLayersError {
  return new ChannelLayersError({ ...LOCAL[name], name, reason }, cause);
}

/** Makes what the wasm module threw, a plain object with the fields of `Failure` and a `message`, an error of ours. */
export function thrown(value: unknown): ChannelLayersError {
  const { code, name, message, temporary } = Object(value) as Record<string, unknown>;
  if (typeof code !== 'number') return local('config', `the wasm module failed: ${String(value)}`, value);
  return new ChannelLayersError({ code, name: String(name), reason: String(message), temporary: temporary === true });
}
