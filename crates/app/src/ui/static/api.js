// Calls of the API.

export class ApiError extends Error {
  constructor(status, kind, message) {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

// The answer as JSON, `null` when it is empty; an `ApiError` in the server's own words when it refused.
export async function call(method, path, body, signal) {
  const options = { method, signal };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "content-type": "application/json" };
  }
  const answer = await fetch(path, options);
  const text = await answer.text();
  let value = null;
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    throw new ApiError(answer.status, "internal", `${answer.status} for ${path}`);
  }
  if (!answer.ok) {
    const { kind, message } = value?.error ?? { kind: "internal", message: `${answer.status} for ${path}` };
    throw new ApiError(answer.status, kind, message);
  }
  return value;
}

export const get = (path, signal) => call("GET", path, undefined, signal);

// Does `job` for every item, a few at a time; the first failure ends it.
export async function each(items, job, atOnce = 4) {
  const left = [...items];
  const worker = async () => {
    while (left.length > 0) await job(left.shift());
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
