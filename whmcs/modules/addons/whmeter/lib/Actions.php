<?php
// What the page's buttons do: a poll, a mapping by hand, a round of companions. Only with WHMCS's token of the session.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Module\Server\Whmeter\Client;
use WHMCS\Module\Server\Whmeter\CompanionRounds;

final class Actions
{
    /** @return string HTML of what became of it */
    public static function done(Request $request, Daemon $daemon): string
    {
        // WHMCS's own check: it ends the request where the token is another one.
        if (!function_exists('check_token')) {
            return Markup::notice('danger', 'This WHMCS has no check_token: nothing is done.');
        }
        \check_token('WHMCS.admin.default');
        try {
            return Markup::notice('success', self::act($request, $daemon));
        } catch (\InvalidArgumentException $wrong) {
            return Markup::notice('warning', $wrong->getMessage());
        } catch (\Throwable $error) {
            return Markup::notice('danger', $daemon->trouble($error));
        }
    }

    /** @return string what was done */
    private static function act(Request $request, Daemon $daemon): string
    {
        [$backend, $account] = [$request->sent('backend'), $request->sent('account')];
        $map = '/v1/map/' . Client::part($backend) . '/' . Client::part($account);
        switch ($request->sent('whmeter_do')) {
            case 'poll':
                $daemon->order('/v1/backends/' . Client::part($backend) . '/poll', []);
                return "Panel $backend is read now; reload the page to see it.";
            case 'map':
                $service = $request->sent('service');
                if (!preg_match('/^[1-9]\d{0,9}$/D', $service)) {
                    throw new \InvalidArgumentException("\"$service\" is no number of a service.");
                }
                $wish = ['action' => 'set', 'service' => (int) $service, 'force' => $request->sent('force') !== ''];
                $although = $daemon->order($map, $wish)['although'] ?? [];
                $although = is_array($although) && $although !== [] ? ', although ' . implode('; ', array_filter($although, 'is_string')) : '';
                return "$account on $backend belongs to service $service from its next reading on, which is asked for$although.";
            case 'unmap':
                $daemon->order($map, ['action' => 'unset']);
                return "$account on $backend is found by its name again, from its next reading on.";
            case 'rounds':
                CompanionRounds::go();
                return 'A round was made; what is left stands below.';
            default:
                throw new \InvalidArgumentException('There is no such button.');
        }
    }
}
