<?php
// What does not fit between the panels and WHMCS, kind by kind.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Html;

final class FindingsTab
{
    public const KINDS = [
        'unbilled' => 'Accounts that no service pays for',
        'ghosts' => 'Services whose account is gone',
        'unmetered' => 'Services without an account',
        'wrong-plans' => 'Limits on the panel that are not those sold',
        'untold' => 'Used, and can no longer be reported to WHMCS',
        'adoptions' => 'Services that were ordered for accounts and are not finished',
        'companions' => 'Companions that are not as they should be',
        'sizes' => 'Sizes in WHMCS that nobody can read',
        'addons' => 'Add-ons that no metric bills',
        'held-back' => 'Not believed yet',
        'policies' => 'Policies that are not as wanted',
        'pins' => 'Pins to earlier accounts of a name',
        'unclaimed' => 'What is no account\'s',
        'totals' => 'What panels say they store, against their accounts',
        'unconfigured' => 'Panels that are not in the config',
    ];
    private const ROWS = 50;

    public static function html(Request $request, Daemon $daemon): string
    {
        $what = isset(self::KINDS[$request->get('what')]) ? $request->get('what') : 'unbilled';
        $answer = $daemon->rows('/v1/report', ['what' => $what]);
        return Markup::filter($request, 'findings', Markup::choice('what', 'What', self::KINDS, $what))
            . Markup::age($answer) . ($answer->body === null ? '' : self::rows($request, $what, $answer->body));
    }

    /** @param array[] $findings what whmeter answers */
    public static function rows(Request $request, string $what, array $findings): string
    {
        $page = min(max(1, (int) $request->get('page')), 1000000);
        $rows = array_map([self::class, 'row'], array_slice($findings, ($page - 1) * self::ROWS, self::ROWS));
        $next = count($findings) > $page * self::ROWS ? (string) ($page + 1) : null;
        return Markup::table(self::KINDS[$what], ['State', 'Account', 'Service', 'Product', 'Amount', 'Would cost', 'Since', 'Detail'], $rows)
            . '<p>' . count($findings) . ' lines.</p>' . Markup::onwards($request, $next, $page === 1, 'page');
    }

    /** @return string[] */
    private static function row(array $one): array
    {
        $on = array_filter([$one['account'] ?? null, $one['backend'] ?? null], 'is_string');
        $server = is_int($one['server'] ?? null) && $on === [] ? "server {$one['server']}" : '';
        $username = is_string($one['username'] ?? null) ? '<div><small>' . Html::text($one['username']) . '</small></div>' : '';
        $meter = is_string($one['meter'] ?? null) ? '<div><small>' . Html::text($one['meter']) . '</small></div>' : '';
        $isMoney = is_string($one['amount'] ?? null) && is_string($one['currency'] ?? null);
        return [
            Markup::cell($one['state'] ?? null),
            Markup::cell($on === [] ? $server : implode(' on ', $on)),
            Markup::service($one['service'] ?? null, $one['client'] ?? null) . $username,
            Markup::cell($one['product'] ?? null),
            self::sizes($one) . $meter,
            $isMoney ? Html::kept("{$one['amount']} {$one['currency']}") : '–',
            Markup::time($one['since'] ?? null),
            Markup::cell($one['detail'] ?? null),
        ];
    }

    private static function sizes(array $one): string
    {
        $said = [];
        foreach (['bytes' => '', 'panel_bytes' => 'panel ', 'sold_bytes' => 'sold ', 'difference_bytes' => 'difference '] as $key => $name) {
            $bytes = $one[$key] ?? null;
            if (is_int($bytes) || is_float($bytes)) {
                // Of a limit nothing is without one.
                $isUnlimited = $bytes === 0 && in_array($key, ['panel_bytes', 'sold_bytes'], true) && ($one['what'] ?? '') === 'wrong-plans';
                $said[] = $name . ($isUnlimited ? 'unlimited' : Markup::size($bytes));
            }
        }
        return $said === [] ? '–' : implode('<br>', $said);
    }
}
