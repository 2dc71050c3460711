/**
 * A message to a channel of Slack's, by an incoming webhook; its URL is the secret.
 *
 *   { "text": "...", "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": "..." } }] }
 *
 * `text` is what a notification shows, the block what the channel shows. "&", "<" and ">" are escaped, as Slack
 * wants it: "<!channel>" in a message of a release would else call everybody. A section holds 3000 characters.
 */
import { oneLine } from "../../base/one-line.ts";
import { headline, type Notice, type UpdateEvent } from "./update-event.ts";

const MAX_SECTION_CHARACTERS = 3000;
const MAX_SOURCE_CHARACTERS = 1000;
const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const SIGNS = {
  updated: ":white_check_mark:",
  failed: ":x:",
  "rolled-back": ":rewind:",
  offered: ":package:",
} as const;

export function slackNotice(url: URL, event: UpdateEvent): Notice {
  const text = escaped(oneLine(headline(event), MAX_SOURCE_CHARACTERS), MAX_SECTION_CHARACTERS - 100);
  const section = { type: "section", text: { type: "mrkdwn", text: `${SIGNS[event.kind]} ${text}` } };
  return {
    url,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text, blocks: [section] }),
  };
}

/** Cut between characters, never inside of an entity. */
function escaped(text: string, maxCharacters: number): string {
  let made = "";
  for (const character of text) {
    const next = ESCAPES[character] ?? character;
    if (made.length + next.length > maxCharacters) return `${made}…`;
    made += next;
  }
  return made;
}
