<?php
// How things stand: panels with their last readings, what no service pays for, what WHMCS collected last, what is wrong.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\FleetStatus;
use WHMCS\Module\Server\Whmeter\Html;
use WHMCS\Module\Server\Whmeter\Memory;
use WHMCS\Module\Server\Whmeter\Notice;

final class OverviewTab
{
    public static function html(Request $request, Daemon $daemon): string
    {
        $answer = $daemon->read('/v1/status');
        $status = $answer->body === null ? '' : self::status($request, $answer->body);
        return Markup::age($answer) . $status . self::collected() . self::notices();
    }

    /** @param array $status what whmeter answers */
    public static function status(Request $request, array $status): string
    {
        $state = is_string($status['state'] ?? null) ? $status['state'] : 'unknown';
        $problems = array_filter(is_array($status['problems'] ?? null) ? $status['problems'] : [], 'is_string');
        $list = implode('', array_map(static fn ($one) => '<li>' . Html::text($one) . '</li>', $problems));
        $unbilled = FleetStatus::unbilled($status);
        $said = ['well' => 'All is well', 'wrong' => 'Something is wrong'][$state] ?? 'Not all is known yet';
        return '<p>' . Markup::state($said, $state === 'well') . ', at ' . Markup::time($status['at'] ?? null) . '</p>'
            . ($list === '' ? '' : "<ul>$list</ul>")
            . ($unbilled === '' ? '<p>Every account that is known is paid for by a service.</p>'
                : '<p><strong>' . Html::text(ucfirst($unbilled)) . '.</strong> ' . Markup::link($request->url('findings', ['what' => 'unbilled']), 'Which') . '</p>')
            . '<h2>Panels</h2>' . self::panels($request, $status['backends'] ?? null)
            . '<h2>Findings</h2>' . self::findings($request, $status['findings'] ?? null);
    }

    private static function panels(Request $request, $panels): string
    {
        $rows = [];
        foreach (is_array($panels) ? $panels : [] as $one) {
            $name = $one['backend'] ?? null;
            if (!is_string($name)) {
                continue;
            }
            $state = is_string($one['state'] ?? null) ? $one['state'] : 'unknown';
            $detail = is_string($one['detail'] ?? null) ? "<div><small>" . Html::text($one['detail']) . '</small></div>' : '';
            $rows[] = [
                Html::text($name),
                Markup::state($state, $state === 'well') . $detail,
                Markup::time($one['succeeded_at'] ?? null),
                Markup::cell($one['accounts'] ?? null),
                Markup::cell($one['unread'] ?? null),
                $state === 'unconfigured' ? '' : Markup::button($request, 'poll', ['backend' => $name], 'Read now'),
            ];
        }
        return Markup::table('Panels', ['Panel', 'State', 'Last read', 'Accounts', 'Not read in full', 'Action'], $rows);
    }

    private static function findings(Request $request, $findings): string
    {
        $rows = [];
        foreach (is_array($findings) ? $findings : [] as $what => $one) {
            $count = is_int($one['lines'] ?? null) ? $one['lines'] : 0;
            $unknown = is_int($one['unknown'] ?? null) ? $one['unknown'] : 0;
            if ($count > 0 || $unknown > 0) {
                $rows[] = [
                    Markup::link($request->url('findings', ['what' => (string) $what]), FindingsTab::KINDS[$what] ?? (string) $what),
                    $count . ($unknown > 0 ? " and $unknown unknown" : ''),
                ];
            }
        }
        return Markup::table('Findings', ['What', 'Lines'], $rows);
    }

    private static function collected(): string
    {
        $rows = [];
        foreach (Memory::read(Memory::COLLECTED) as $entry => [$at, $count]) {
            $rows[] = [Html::text("#$entry"), Markup::time((int) $at), (string) (int) $count];
        }
        return '<h2>WHMCS collected usage last</h2>' . Markup::table('Collections', ['Server entry', 'At', 'Services'], $rows, 'It has not yet.');
    }

    private static function notices(): string
    {
        $rows = [];
        foreach (Notice::all() as $about => $trouble) {
            $rows[] = [Html::text((string) $about), Html::text($trouble)];
        }
        return '<h2>What fails in WHMCS now</h2>' . Markup::table('What fails now', ['What', 'Why'], $rows, 'Nothing.');
    }
}
