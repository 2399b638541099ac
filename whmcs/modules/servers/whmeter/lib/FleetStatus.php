<?php
// What whmeter says of everything it meters, in sentences: panels that are not read, and what no service pays for.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class FleetStatus
{
    private const SHOWN = 5;

    /** @param array $status what whmeter answers under /v1/status @return string[] plain text */
    public static function sentences(array $status): array
    {
        $said = [];
        foreach (self::troubled($status) as $backend => $why) {
            $said[] = "panel $backend: $why";
        }
        $more = count($said) - self::SHOWN;
        $said = $more > 0 ? [...array_slice($said, 0, self::SHOWN), "and $more more panels"] : $said;
        $unbilled = self::unbilled($status);
        return $unbilled === '' ? $said : [...$said, $unbilled];
    }

    /** @return array<string, string> why by the panel's name */
    private static function troubled(array $status): array
    {
        $troubled = [];
        foreach (is_array($status['backends'] ?? null) ? $status['backends'] : [] as $one) {
            [$name, $state, $reason] = [$one['backend'] ?? null, $one['state'] ?? null, $one['reason'] ?? null];
            if (is_string($name) && is_string($state) && $state !== 'well') {
                $troubled[$name] = $state . (is_string($reason) ? " ($reason)" : '');
            }
        }
        return $troubled;
    }

    /** How much is not billed, and where there are prices what it would cost; empty where nothing is, or nothing is said. */
    public static function unbilled(array $status): string
    {
        $lines = $status['findings']['unbilled']['lines'] ?? null;
        if (!is_int($lines) || $lines === 0) {
            return '';
        }
        $amounts = [];
        foreach (is_array($status['unbilled'] ?? null) ? $status['unbilled'] : [] as $currency => $amount) {
            $amounts[] = (is_string($amount) ? $amount : 'an unknown amount') . " $currency";
        }
        return "usage that no service pays for: $lines lines" . ($amounts === [] ? '' : ', ' . implode(' and ', $amounts) . ' this month so far');
    }
}
