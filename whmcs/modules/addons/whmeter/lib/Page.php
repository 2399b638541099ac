<?php
// The page: its tabs, what a button has done, and the tab that is asked for.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Html;
use WHMCS\Module\Server\Whmeter\Safely;
use WHMCS\Module\Server\Whmeter\Servers;

final class Page
{
    private const TABS = ['overview' => 'Overview', 'findings' => 'Findings', 'map' => 'Map', 'companions' => 'Companions', 'log' => 'Log'];

    /** @return string HTML; nothing escapes into WHMCS */
    public static function answer(Request $request): string
    {
        if (!class_exists(Safely::class)) {
            return '<p>The server module is missing: copy modules/servers/whmeter too.</p>';
        }
        return Safely::run('page of staff', [], static fn () => self::html($request), static fn () => '<p>See the module log.</p>');
    }

    private static function html(Request $request): string
    {
        $entries = Servers::entries();
        if ($entries === []) {
            return '<p>There is no server entry of the module whmeter yet: System Settings, Servers.</p>';
        }
        $asked = (int) $request->get('entry');
        $daemon = new Daemon(in_array($asked, $entries, true) ? $asked : $entries[0]);
        $done = $request->isAction() ? Actions::done($request, $daemon) : '';
        $tab = isset(self::TABS[$request->get('tab')]) ? $request->get('tab') : 'overview';
        // On a phone Blend keeps each cell in one line, however long it is.
        $style = '<style>.whmeter-staff .table-responsive > .table > tbody > tr > td { white-space: normal; min-width: 6em; }</style>';
        return "<div class=\"whmeter-staff\">$style" . self::tabs($request, $tab) . self::entries($request, $entries, $daemon->entry, $tab)
            . $done . self::tab($tab, $request, $daemon) . '</div>';
    }

    private static function tab(string $tab, Request $request, Daemon $daemon): string
    {
        return match ($tab) {
            'findings' => FindingsTab::html($request, $daemon),
            'map' => MapTab::html($request, $daemon),
            'companions' => CompanionsTab::html($request),
            'log' => LogTab::html($request, $daemon),
            default => OverviewTab::html($request, $daemon),
        };
    }

    private static function tabs(Request $request, string $open): string
    {
        $html = '';
        foreach (self::TABS as $tab => $name) {
            [$class, $current] = $tab === $open ? [' class="active"', ' aria-current="page"'] : ['', ''];
            $html .= "<li$class><a href=\"" . Html::text($request->url($tab)) . "\"$current>" . Html::text($name) . '</a></li>';
        }
        return "<ul class=\"nav nav-tabs\" style=\"margin-bottom:15px\">$html</ul>";
    }

    /** Which whmeter is asked, where there are several. */
    private static function entries(Request $request, array $entries, int $chosen, string $tab): string
    {
        if (count($entries) < 2) {
            return '';
        }
        $options = array_combine(array_map('strval', $entries), array_map(static fn (int $entry) => "server entry $entry", $entries));
        // The choice takes the place of the one that the address has.
        $plain = new Request($request->url(''), [], []);
        return Markup::filter($plain, $tab, Markup::choice('entry', 'Asked by', $options, (string) $chosen));
    }
}
