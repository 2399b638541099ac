<?php
// What the tile on the home of WHMCS's admin area says: of every server entry, and of what is wrong now.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class HomeTile
{
    private const SECONDS = 2.0;
    /** WHMCS collects every twelve hours; later than this, it does not. */
    private const LATE_SECONDS = 93600;
    private const SHOWN = 5;

    /** @return string HTML */
    public static function html(): string
    {
        $rows = '';
        foreach (Servers::entries() as $entry) {
            $said = array_map([Html::class, 'text'], self::said($entry));
            $rows .= "<tr><th style=\"vertical-align:top;padding-inline-end:1em\">#$entry</th><td>" . implode('<br>', $said) . '</td></tr>';
        }
        foreach (Notice::all() as $about => $trouble) {
            $rows .= '<tr><td colspan="2"><strong>' . Html::text($about) . '</strong>: ' . Html::text($trouble) . '</td></tr>';
        }
        return $rows === '' ? '<p>No server entry of the module whmeter.</p>' : "<table class=\"table\">$rows</table>";
    }

    /** @return string[] */
    private static function said(int $entry): array
    {
        $params = ['serverid' => $entry];
        $until = microtime(true) + self::SECONDS;
        $ask = static function () use ($entry, &$params): array {
            $params = Servers::params($entry);
            return Client::ofStaff($params, self::SECONDS)->get('/v1/whmcs/usage', ['server' => $entry]);
        };
        $answer = Safely::run('home tile', $params, $ask, static fn (\Throwable $error) => ['failed' => Safely::message($params, $error)]);
        return array_merge([self::collected($entry)], isset($answer['failed']) ? [$answer['failed']] : [...self::figures($answer), ...self::fleet($entry, $until - microtime(true))]);
    }

    /** What is of all servers, where the entry has a staff token that may read it. @return string[] */
    private static function fleet(int $entry, float $seconds): array
    {
        $params = ['serverid' => $entry];
        $ask = static function () use ($entry, $seconds, &$params): array {
            $params = Servers::staffParams($entry);
            return $params['serverpassword'] === '' ? [] : Client::ofStaff($params, $seconds)->read('/v1/status');
        };
        return FleetStatus::sentences(Safely::run('home tile', $params, $ask, static fn () => []));
    }

    private static function collected(int $entry): string
    {
        [$at, $count] = Memory::read(Memory::COLLECTED)[$entry] ?? [0, 0];
        if ($at === 0) {
            return 'WHMCS has not collected usage yet.';
        }
        $late = time() - $at > self::LATE_SECONDS ? ': it collects no more' : '';
        return "WHMCS collected usage of $count services last at " . date('Y-m-d H:i', $at) . $late;
    }

    /** @return string[] */
    private static function figures(array $answer): array
    {
        $tenants = is_array($answer['tenants'] ?? null) ? $answer['tenants'] : [];
        $newest = max([0, ...array_map(static fn ($values) => Values::read($values)->newest ?? 0, $tenants)]);
        $said = [count($tenants) . ' services with usage' . ($newest > 0 ? ', read last at ' . date('Y-m-d H:i', $newest) : '')];
        $withheld = array_column(is_array($answer['withheld'] ?? null) ? $answer['withheld'] : [], 'reason', 'tenant');
        foreach (array_slice($withheld, 0, self::SHOWN, true) as $tenant => $reason) {
            $said[] = "withheld: $tenant ($reason)";
        }
        $more = count($withheld) - self::SHOWN;
        return $more > 0 ? [...$said, "and $more more withheld"] : $said;
    }
}
