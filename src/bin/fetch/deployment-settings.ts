/** What themis.yml says about the switch to a release, as those who carry it out want it. */
import type { Configuration } from "../../fetch/config/configuration.ts";
import { serviceOf } from "../../fetch/config/hot-reload.ts";
import { notificationTargets } from "../../fetch/config/notifications.ts";
import type { Gate } from "../../fetch/install/gate.ts";
import { NotificationWebhook } from "../../fetch/notify/notification-webhook.ts";
import type { Notify, UpdateRequest } from "../../fetch/update-request.ts";

/** @throws FetchError SERVICE_INVALID */
export function gateOf({ hotReload }: Configuration): Gate {
  const { checks, confirm: confirmation, drainMs, ready } = hotReload;
  const service = serviceOf(hotReload.service, hotReload.root);
  return { checks, confirmation, service: service && { service, drainMs, ready } };
}

/** @throws FetchError SERVICE_INVALID */
export function deploymentOf(
  configuration: Configuration,
): Pick<UpdateRequest, "gate" | "fitness" | "hooks" | "notify" | "retention"> {
  const { preflight, hooks } = configuration.hotReload;
  const isAsked = preflight.dependencies.length > 0 || preflight.memoryBytes !== undefined;
  return {
    gate: gateOf(configuration),
    fitness: isAsked ? preflight : undefined,
    hooks,
    notify: notifyOf(configuration),
    retention: configuration.autoUpdate.restorePoints,
  };
}

/** Secrets are read when somebody must be told; one that cannot be read is what could not be told. */
function notifyOf({ notifications, autoUpdate: { caFile } }: Configuration): Notify | undefined {
  if (notifications.length === 0) return undefined;
  return async (event) => {
    try {
      const targets = await notificationTargets(notifications);
      return await new NotificationWebhook({ targets, caFile }).notify(event);
    } catch (error) {
      return [`nobody was notified: ${error instanceof Error ? error.message : String(error)}`];
    }
  };
}
