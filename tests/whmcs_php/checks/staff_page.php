<?php
// The page of staff: escaped whatever came, nothing done without WHMCS's token, a plain sentence where whmeter is away.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';
require dirname(__DIR__) . '/stubs/staff.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Addon\Whmeter\CompanionsTab;
use WHMCS\Module\Addon\Whmeter\FindingsTab;
use WHMCS\Module\Addon\Whmeter\LogTab;
use WHMCS\Module\Addon\Whmeter\MapTab;
use WHMCS\Module\Addon\Whmeter\OverviewTab;
use WHMCS\Module\Addon\Whmeter\Request;

$evil = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onload='alert(1)", "a\0b", '&amp;<b>'];
server_row(20);

checks([
    'WHMCS finds what it calls of an addon module' => static function (): void {
        $config = whmeter_config();
        same(['name', 'description', 'version', 'author', 'language', 'fields'], array_keys($config), 'config');
        same(['success', 'success'], [whmeter_activate()['status'], whmeter_deactivate()['status']], 'activate, deactivate');
    },
    'nothing that came is markup, on any tab' => static function () use ($evil): void {
        foreach ($evil as $text) {
            $request = new Request('addonmodules.php?module=whmeter', ['tab' => $text, 'what' => $text, 'cursor' => $text, 'account' => $text], []);
            $one = array_fill_keys(['backend', 'state', 'detail', 'reason', 'account', 'username', 'product', 'status', 'meter', 'amount', 'currency', 'since',
                'succeeded_at', 'at', 'actor', 'action', 'from', 'to', 'why', 'answer'], $text);
            $rows = [$one, ['service' => $text, 'client' => $text, 'bytes' => $text] + $one, [], ['account' => ['x']]];
            $html = OverviewTab::status($request, ['state' => $text, 'problems' => [$text, 7], 'backends' => $rows, 'at' => $text,
                'findings' => [$text => ['lines' => 1, 'unknown' => 1], 'unbilled' => ['lines' => 2]], 'unbilled' => [$text => $text, 'EUR' => null]])
                . FindingsTab::rows($request, 'unbilled', $rows) . MapTab::rows($request, ['rows' => $rows, 'untold' => [$text], 'next_cursor' => $text])
                . LogTab::rows($request, ['rows' => $rows, 'next_cursor' => $text])
                . CompanionsTab::rows($request, [['service' => 7, 'companion' => 8, 'said' => $text, 'would' => $text]], [17 => $text], 1);
            foreach (['<script', '<img', '<b>', 'onload=\''] as $part) {
                holds(!str_contains($html, $part), "$part in $html");
            }
        }
    },
    'whatever shape an answer has, the page stands' => static function (): void {
        $request = new Request('addonmodules.php?module=whmeter', [], []);
        foreach ([[], ['rows' => 7, 'backends' => 'x', 'findings' => [1, 'x'], 'problems' => null], ['rows' => [null, 'x', [[]]], 'backends' => [null, 'x']]] as $odd) {
            OverviewTab::status($request, $odd);
            MapTab::rows($request, $odd);
            LogTab::rows($request, $odd);
        }
    },
    'where whmeter is away each tab says so, and nothing is asked of it for a minute' => static function (): void {
        foreach (['overview', 'findings', 'map', 'log'] as $tab) {
            holds(str_contains(page(['tab' => $tab]), 'Nothing can be shown: '), page(['tab' => $tab]));
        }
        holds(!str_contains(page(['tab' => 'companions']), 'Nothing can be shown'), 'companions are WHMCS\'s own');
        check_log(1);
    },
    'what was known is shown with its age' => static function (): void {
        $status = ['schema' => 1, 'state' => 'well', 'at' => '2026-03-14T01:05:11Z', 'problems' => [], 'backends' => [], 'findings' => []];
        WHMCS\Module\Server\Whmeter\Transient::keep('staff.' . md5('20 /v1/status '), ['at' => 1773450300, 'body' => $status], 60);
        $html = page();
        holds(str_contains($html, 'As whmeter said at 2026-03-14 02:05') && str_contains($html, 'All is well'), $html);
    },
    'no button works without WHMCS\'s token, or where it checks none' => static function (): void {
        foreach ([[], ['token' => ''], ['token' => 'another'], ['token' => ['session"token']]] as $sent) {
            $html = pressed(['whmeter_do' => 'rounds'] + $sent);
            same([], asked_of_whmcs(), 'nothing was done');
            holds(!str_contains($html, 'A round was made'), $html);
        }
        holds(str_contains(pressed(['whmeter_do' => 'rounds', 'token' => 'session"token']), 'A round was made'), 'with it');
        // A button of an address is none.
        holds(!str_contains(page(['whmeter_do' => 'rounds', 'token' => 'session"token']), 'A round was made'), 'a link does nothing');
        holds(str_contains(pressed(['whmeter_do' => 'map', 'service' => '7; DROP', 'token' => 'session"token']), 'is no number of a service'), 'a number');
        holds(str_contains(pressed(['whmeter_do' => 'nothing', 'token' => 'session"token']), 'no such button'), 'unknown');
    },
    'companions: what is, and what a round would do' => static function (): void {
        server_row(12, ['type' => 'puqMinIOS3']);
        service(7701, 1042, 17, 12, '1042-7701');
        service(8001, 5, 31, 20, 'whm-404');
        $html = page(['tab' => 'companions']);
        holds(str_contains($html, 'order one of product 31') && str_contains($html, 'end it') && str_contains($html, 'Make a round now'), $html);
        service(8002, 1042, 31, 20, 'whm-7701');
        service(8003, 1042, 31, 20, 'whm-7701');
        holds(str_contains(page(['tab' => 'companions']), 'people decide'), 'two of one');
    },
    'without a server entry, and without its database, there is a sentence' => static function (): void {
        [$tables, Capsule::$tables] = [Capsule::$tables, ['tblservers' => []] + Capsule::$tables];
        holds(str_contains(page(), 'There is no server entry'), page());
        Capsule::$tables = [];
        same('<p>See the module log.</p>', page(), 'no database');
        Capsule::$tables = $tables;
    },
]);
