import { Store } from "@/lib/store";

/** How much of a file has been sent, from 0 to 1; nothing while none is being sent. */
export const sent = new Store<number | undefined>(undefined);

/** Sends a request with a file, which `fetch` could do as well, were it to tell how far it is. */
export async function upload(request: Request): Promise<Response> {
  const body = await request.blob();
  const call = new XMLHttpRequest();
  call.open(request.method, request.url);
  call.withCredentials = true;
  call.responseType = "blob";
  request.headers.forEach((value, name) => call.setRequestHeader(name, value));
  call.upload.onprogress = ({ loaded, total }) => sent.set(loaded / total);
  request.signal.addEventListener("abort", () => call.abort());
  try {
    return await new Promise<Response>((resolve, reject) => {
      call.onload = () => resolve(answerOf(call));
      call.onerror = () => reject(new TypeError("The file did not get through."));
      call.onabort = () => reject(request.signal.reason as Error);
      call.send(body);
    });
  } finally {
    sent.set(undefined);
  }
}

function answerOf(call: XMLHttpRequest): Response {
  const lines = call.getAllResponseHeaders().trim().split(/\r\n/);
  const headers = lines.map((line) => line.split(/: *(.*)/).slice(0, 2) as [string, string]);
  return new Response(call.response as Blob, { status: call.status, headers });
}
