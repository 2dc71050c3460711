/**
 * Who is told, and where the secret of each lies. The secret itself is read when it is needed, so that neither
 * `themis-fetch config` nor a message ever has it.
 */
import { systemCode } from "../../base/error.ts";
import { InputError, readSecret } from "../../base/input-file.ts";
import { oneLine } from "../../base/one-line.ts";
import { ConfigError } from "../../format/config/config-error.ts";
import type { ThemisYml } from "../../format/config/themis-yml.ts";
import type { NotificationTarget } from "../notify/notification-webhook.ts";
import type { Reading } from "./reading.ts";

/** Where one secret lies. */
export type SecretPlace = { readonly file: string } | { readonly variable: string };

export type NotificationChoice =
  | { readonly kind: "slack"; readonly url: SecretPlace }
  | { readonly kind: "pagerduty"; readonly routingKey: SecretPlace; readonly url: string | undefined }
  | { readonly kind: "signed"; readonly url: string; readonly secret: SecretPlace };

/** The longest URL of a webhook is far shorter. */
const MAX_SECRET_BYTES = 4096;

export function notificationsOf(
  { slack, pagerduty, webhook }: NonNullable<ThemisYml["notifications"]>,
  reading: Reading,
): NotificationChoice[] {
  const place = (pointer: string, file: string | undefined, variable: string | undefined): SecretPlace =>
    file === undefined ? { variable: variable ?? "" } : { file: reading.file(pointer, file) };
  const choices: NotificationChoice[] = [];
  if (slack) {
    const url = place("/notifications/slack/urlFile", slack.urlFile, slack.urlEnv);
    choices.push({ kind: "slack", url });
  }
  if (pagerduty) {
    const { routingKeyFile, routingKeyEnv, url } = pagerduty;
    const routingKey = place("/notifications/pagerduty/routingKeyFile", routingKeyFile, routingKeyEnv);
    choices.push({ kind: "pagerduty", routingKey, url });
  }
  if (webhook) {
    const { url, secretFile, secretEnv } = webhook;
    const secret = place("/notifications/webhook/secretFile", secretFile, secretEnv);
    choices.push({ kind: "signed", url, secret });
  }
  return choices;
}

/** @throws ConfigError SECRET_UNREADABLE */
export async function notificationTargets(
  choices: readonly NotificationChoice[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<NotificationTarget[]> {
  return Promise.all(
    choices.map(async (choice): Promise<NotificationTarget> => {
      switch (choice.kind) {
        case "slack":
          return { kind: choice.kind, url: await secretAt(choice.url, environment) };
        case "pagerduty":
          return { ...choice, routingKey: await secretAt(choice.routingKey, environment) };
        case "signed":
          return { ...choice, secret: await secretAt(choice.secret, environment) };
      }
    }),
  );
}

/** Without the line end that editors and `echo` add. */
async function secretAt(place: SecretPlace, environment: NodeJS.ProcessEnv): Promise<string> {
  if ("variable" in place) {
    const value = environment[place.variable];
    if (value) return value;
    throw unreadable(`the variable ${place.variable} is not set`);
  }
  const name = oneLine(place.file, 300);
  let text: string;
  try {
    text = (await readSecret(place.file, MAX_SECRET_BYTES)).toString("utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const why = cause instanceof InputError ? "it is too long" : systemCode(cause);
    throw unreadable(`${name} cannot be read (${why})`, cause);
  }
  if (text === "") throw unreadable(`${name} is empty`);
  return text;
}

function unreadable(why: string, cause?: unknown): ConfigError {
  return new ConfigError("SECRET_UNREADABLE", `a notification has no secret: ${why}`, {
    cause,
    hint: "themis.yml names a file or a variable that holds it, one line",
  });
}
