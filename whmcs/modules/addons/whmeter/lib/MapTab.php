<?php
// Which account belongs to which service, and what is said of that by hand.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Html;

final class MapTab
{
    private const STATES = ['' => 'all', 'unmapped' => 'unmapped', 'ambiguous' => 'ambiguous', 'ended' => 'ended', 'missing' => 'missing', 'pinned' => 'pinned', 'mapped' => 'mapped'];
    private const ROWS = 50;

    public static function html(Request $request, Daemon $daemon): string
    {
        $state = isset(self::STATES[$request->get('state')]) ? $request->get('state') : '';
        $query = array_filter(['limit' => self::ROWS, 'state' => $state, 'cursor' => $request->get('cursor')], static fn ($value) => $value !== '');
        $answer = $daemon->read('/v1/map', $query);
        return Markup::filter($request, 'map', Markup::choice('state', 'Which', self::STATES, $state))
            . Markup::age($answer) . ($answer->body === null ? '' : self::rows($request, $answer->body));
    }

    /** @param array $map what whmeter answers */
    public static function rows(Request $request, array $map): string
    {
        $rows = [];
        foreach (is_array($map['rows'] ?? null) ? $map['rows'] : [] as $place => $one) {
            $rows[] = self::row($request, is_array($one) ? $one : [], (int) $place);
        }
        $untold = array_filter(is_array($map['untold'] ?? null) ? $map['untold'] : [], 'is_string');
        $next = is_string($map['next_cursor'] ?? null) ? $map['next_cursor'] : null;
        return ($untold === [] ? '' : Markup::notice('info', 'WHMCS has not sent the services of ' . implode(', ', $untold) . ' yet.'))
            . Markup::table('Map', ['Account', 'State', 'Service', 'By hand'], $rows)
            . Markup::onwards($request, $next, $request->get('cursor') === '');
    }

    /** @return string[] */
    private static function row(Request $request, array $one, int $place): array
    {
        [$backend, $account] = [$one['backend'] ?? null, $one['account'] ?? null];
        $isAccount = is_string($backend) && is_string($account);
        $server = is_int($one['server'] ?? null) ? "no account on server {$one['server']}" : 'no account';
        $state = is_string($one['state'] ?? null) ? $one['state'] : '';
        $sold = array_filter([$one['product'] ?? null, $one['status'] ?? null], 'is_string');
        $status = $sold === [] ? '' : '<div><small>' . Html::text(implode(', ', $sold)) . '</small></div>';
        $username = is_string($one['username'] ?? null) ? ' ' . Html::text($one['username']) : '';
        return [
            $isAccount ? Html::text($account) . '<div><small>' . Html::text($backend) . '</small></div>' : Html::text($server),
            Markup::state($state === '' ? 'unknown' : $state, in_array($state, ['mapped', 'pinned'], true)),
            Markup::service($one['service'] ?? null, $one['client'] ?? null) . $username . $status,
            $isAccount ? '<div style="min-width:11em">' . self::forms($request, $backend, $account, $state, $place) . '</div>' : '',
        ];
    }

    private static function forms(Request $request, string $backend, string $account, string $state, int $place): string
    {
        $of = ['backend' => $backend, 'account' => $account];
        $name = Html::text("Number of the service of $account");
        $inputs = "<input type=\"text\" inputmode=\"numeric\" name=\"service\" size=\"7\" placeholder=\"Service\" class=\"form-control input-sm\" style=\"width:7em;display:inline-block\" aria-label=\"$name\" required> "
            . "<label style=\"font-weight:normal\" for=\"whmeter-force-$place\"><input type=\"checkbox\" id=\"whmeter-force-$place\" name=\"force\" value=\"1\"> although something does not fit</label> ";
        return Markup::button($request, 'map', $of, 'Belongs to it', $inputs)
            . ($state === 'pinned' ? Markup::button($request, 'unmap', $of, 'By its name again') : '');
    }
}
