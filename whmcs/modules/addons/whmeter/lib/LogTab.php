<?php
// What was done to accounts and panels, by whom, and why: whmeter's audit, the newest first.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Html;

final class LogTab
{
    private const ROWS = 50;

    public static function html(Request $request, Daemon $daemon): string
    {
        [$backend, $account] = [$request->get('backend'), $request->get('account')];
        // An account is one of a panel: of one without the other nothing can be asked.
        $isWhole = $backend !== '' && $account !== '';
        $of = $isWhole ? ['backend' => $backend, 'account' => $account] : [];
        $query = ['limit' => self::ROWS, 'cursor' => $request->get('cursor')] + $of;
        $answer = $daemon->read('/v1/audit', array_filter($query, static fn ($value) => $value !== ''));
        $field = static fn (string $name, string $label, string $value) => "<label for=\"whmeter-$name\" style=\"margin:0 6px\">$label</label>"
            . "<input type=\"text\" id=\"whmeter-$name\" name=\"$name\" value=\"" . Html::text($value) . '" class="form-control input-sm" style="max-width:100%">';
        return Markup::filter($request, 'log', $field('backend', 'Panel', $backend) . $field('account', 'Account', $account))
            . ($isWhole || $backend . $account === '' ? '' : Markup::notice('info', 'A panel and an account together show what was done to that account; here is everything.'))
            . Markup::age($answer) . ($answer->body === null ? '' : self::rows($request, $answer->body));
    }

    /** @param array $log what whmeter answers */
    public static function rows(Request $request, array $log): string
    {
        $rows = [];
        foreach (is_array($log['rows'] ?? null) ? $log['rows'] : [] as $one) {
            $one = is_array($one) ? $one : [];
            $of = array_filter([$one['account'] ?? null, $one['backend'] ?? null], 'is_string');
            $change = array_filter([$one['from'] ?? null, $one['to'] ?? null], 'is_string');
            $rows[] = [
                Markup::time($one['at'] ?? null),
                Markup::cell($one['actor'] ?? null),
                Markup::cell(implode(' on ', $of)),
                Markup::cell($one['action'] ?? null),
                Markup::cell(implode(' → ', $change)),
                Markup::cell(implode('; ', array_filter([$one['why'] ?? null, $one['answer'] ?? null], static fn ($text) => is_string($text) && $text !== ''))),
            ];
        }
        $next = is_string($log['next_cursor'] ?? null) ? $log['next_cursor'] : null;
        return Markup::table('Log', ['At', 'By', 'Of', 'What', 'From, to', 'Why, answer'], $rows) . Markup::onwards($request, $next, $request->get('cursor') === '');
    }
}
